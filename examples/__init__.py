"""Databases to try Convoy on."""
