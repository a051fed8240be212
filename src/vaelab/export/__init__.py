"""Models as ONNX files, which run without vaelab and without torch: in a browser, in a service, in other languages.

An image tokenizer can be written in the layout of diffusers too. This front page imports neither torch nor onnx.
"""

from vaelab.export.diffusers import export_diffusers as export_diffusers
from vaelab.export.exported import Exported as Exported
from vaelab.export.parts import PARTS as PARTS, export_onnx as export_onnx, onnx_parts as onnx_parts
