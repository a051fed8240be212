"""vaelab: variational autoencoders to build, train, measure and see.

The public names are listed once, in `__init__.pyi`; each is loaded when first used, so that `import vaelab` is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
