"""The commands of identity."""
