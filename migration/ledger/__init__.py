"""The tables of schema `convoy` that say what is done, and the few operations on them."""
