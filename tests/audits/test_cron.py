import pytest

from audits.cron import runs_a_day

RUNS = {
    "* * * * *": 1440,
    "*/5 * * * *": 288,
    "0 * * * *": 24,
    "0,30 * * * *": 48,
    "15 4 * * *": 1,
    "0 9-17 * * *": 9,
    "0 0-23/6 * * *": 4,
    "10/20 * * * *": 72,
    "0 4 * * MON-FRI": 5 / 7,
    "0 4 * * 7": 1 / 7,
    "0 4 1 * *": 1 / 31,
    "0 4 1 jan,JUL *": 2 / 12 / 31,
    "59 23 L * *": 1 / 31,
}


@pytest.mark.parametrize("cron", RUNS)
def test_how_often_a_trigger_fires(cron):
    assert runs_a_day(cron) == pytest.approx(RUNS[cron])


@pytest.mark.parametrize("cron", ["", "* * * *", "* * * * * *", "? ? ? ? ?", "*/0 * * * *", "- * * * *"])
def test_what_is_no_trigger_tells_nothing(cron):
    assert runs_a_day(cron) is None
