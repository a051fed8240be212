"""Models as ONNX files, which run without vaelab and without torch: in a browser, in a service, in other languages.

This front page imports neither torch nor onnx.
"""

from vaelab.export.exported import Exported as Exported
from vaelab.export.parts import PARTS as PARTS, export_onnx as export_onnx, onnx_parts as onnx_parts
