"""Generated message classes. Made by ``scripts/proto`` from the two ``.proto`` files beside this; not edited by hand."""
