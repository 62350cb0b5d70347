"""Lazy imports: the public names of a package, each loaded when it is first used."""

import importlib


def open_door(package, public):
    """Builds the `__getattr__` and `__dir__` of a package that re-exports names of its modules.

    Args:
        package: String, the package's `__name__`.
        public: Dict from a module, relative to the package, to its public names.

    Returns:
        A triple: the two functions, and a dict from each name to its module. The first function
        raises an `AttributeError` for a name that is not public.
    """
    modules = {name: module for module, names in public.items() for name in names}

    def get(name):
        if name in modules:
            return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        raise AttributeError(f"{package} has no name {name!r}; it has {', '.join(modules)}.")

    return get, lambda: sorted(modules), modules
