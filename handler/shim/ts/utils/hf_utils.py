"""Models of the Hugging Face hub."""

PATTERNS = ["*.json", "*.pt", "*.bin", "*.txt", "*.model", "*.pth", "*.safetensors", "original/*"]
"""The files of a PyTorch model."""


def download_model(
    model_id="meta-llama/Meta-Llama-3.1-8B-Instruct", revision="main", model_path=".cache", use_auth_token=True
):
    """Download a model's PyTorch files, and return their folder; needs the package huggingface_hub."""
    from huggingface_hub import snapshot_download

    return snapshot_download(
        repo_id=model_id, revision=revision, allow_patterns=PATTERNS, cache_dir=model_path, token=use_auth_token
    )
