"""mitmproxy's addons, each read when somebody asks for it."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType

_ADDONS = "mitmproxy.addons"


class _OnDemand(ModuleType):
    """The package without its own code, which would import forty addons and two web frameworks.

    That is a quarter of a proxy's start, for six that are used.  Whoever asks for what only the package's
    code makes, as mitmproxy's own programs do, gets it run then.
    """

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") or PathFinder.find_spec(f"{_ADDONS}.{name}", self.__path__):
            raise AttributeError(name)  # a module of the package: the import goes on and finds it
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # it is whole now
        spec.loader.exec_module(self)
        return getattr(self, name)


def read_addons_on_demand() -> None:
    """Keep mitmproxy from importing all of its addons; nothing is done where it has."""
    if _ADDONS in sys.modules:
        return
    spec = find_spec("mitmproxy")
    below = PathFinder.find_spec(_ADDONS, spec.submodule_search_locations) if spec else None
    if below is None:
        return
    package = module_from_spec(below)
    package.__class__ = _OnDemand
    sys.modules[_ADDONS] = package
