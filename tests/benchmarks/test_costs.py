"""The memory of connections and models, in a short run."""

from tests.benchmarks.costs import LIMITS_KB, measure


def test_each_kind_grows_on_a_server_of_its_own() -> None:
    rows = measure([5, 200], [1, 4])
    assert [(row["kind"], row["count"]) for row in rows] == [
        ("idle connection", 5), ("idle connection", 200), ("idle model", 1), ("idle model", 4)
    ]  # fmt: skip
    assert all(row["memory MB"] > 10 for row in rows)
    assert rows[1]["each further, kB"] < 2 * LIMITS_KB["idle connection"]
    assert rows[3]["each further, kB"] < 2 * LIMITS_KB["idle model"]
