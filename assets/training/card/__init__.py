"""The model card: what a person must know of a version before it may decide anything."""
