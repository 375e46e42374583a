"""The limits of a container."""

from pathlib import Path

from handler.devices.cgroup import cpu_quota, memory_limit


def tree(folder: Path, own: str, **files: str) -> tuple[Path, Path]:
    """A cgroup mount with these files ("/" written as "__", "." as "_0_"), and the process's own cgroup file."""
    (folder / "own").write_text(own)
    for name, text in files.items():
        file = folder / "cgroup" / name.replace("__", "/").replace("_0_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return folder / "cgroup", folder / "own"


def test_version_2_gives_the_tightest_quota_up_to_the_root(tmp_path: Path) -> None:
    where = tree(
        tmp_path,
        "0::/pod/app\n",
        cpu_0_max="max 100000",
        pod__cpu_0_max="150000 100000",
        pod__app__cpu_0_max="400000 100000",
    )
    assert cpu_quota(*where) == 1.5


def test_version_1_gives_quota_over_period_even_if_the_group_is_named_from_outside(tmp_path: Path) -> None:
    """In a container the path is the host's, while the mount shows the container's own folder."""
    where = tree(
        tmp_path,
        "4:cpu,cpuacct:/docker/8f1e\n3:memory:/docker/8f1e\n0::/\n",
        cpu__cpu_0_cfs_quota_us="50000",
        cpu__cpu_0_cfs_period_us="100000",
        memory__memory_0_limit_in_bytes="1073741824",
    )
    assert cpu_quota(*where) == 0.5
    assert memory_limit(*where) == 1 << 30


def test_unlimited_is_none_in_both_versions(tmp_path: Path) -> None:
    where = tree(
        tmp_path,
        "1:cpu:/\n2:memory:/\n0::/\n",
        cpu_0_max="max 100000",
        memory_0_max="max",
        cpu__cpu_0_cfs_quota_us="-1",
        cpu__cpu_0_cfs_period_us="100000",
        memory__memory_0_limit_in_bytes="9223372036854771712",
    )
    assert cpu_quota(*where) is None
    assert memory_limit(*where) is None


def test_version_2_limits_memory(tmp_path: Path) -> None:
    assert memory_limit(*tree(tmp_path, "0::/\n", memory_0_max="536870912")) == 512 << 20


def test_where_there_are_no_cgroups_nothing_is_limited(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path / "none") is None
    assert memory_limit(tmp_path, tmp_path / "none") is None
