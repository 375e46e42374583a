"""Archives without a manifest: folders, handlers' files and bare models."""
