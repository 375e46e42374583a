"""Folders with models for tests of handlers."""

import shutil
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import urlretrieve


def download_model(model_url, model_dir):
    """Fetch a file into a folder under its own name, unless it is there already."""
    target = Path(model_dir) / Path(urlparse(model_url).path).name
    if not target.exists():
        urlretrieve(model_url, target)


def copy_files(src_dir, dst_dir, files):
    """Copy files, {name in src_dir: name in dst_dir}."""
    for source, target in files.items():
        shutil.copy(Path(src_dir) / source, Path(dst_dir) / target)
