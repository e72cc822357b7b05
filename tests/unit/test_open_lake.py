"""What analysts may read, and that reading is all they can do."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import nightshift
from assets import tables
from assets.decisions.outcomes import WITHDRAWN
from assets.home import Home
from assets.lake import PARTITION, Lake
from nightshift.cases import cases_sql
from nightshift.published import published, why_not
from tests.case_tables import fill_case_tables
from tests.nights_on_record import LAST, cases_of, fill, loans

NIGHTS = 20
FIRST = LAST - timedelta(days=NIGHTS - 1)
LOANS = "loan_approval"
IN_ALL = sum(cases_of(90 - NIGHTS + n) for n in range(NIGHTS))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Twenty nights, with a table of each kind that may not be read."""
    home = Home(tmp_path_factory.mktemp("filled") / ".nightshift")
    fill(home, loans(), LAST, NIGHTS)
    fill_case_tables(home, loans())
    lake = Lake(home.lake)
    for use_case, name in (
        (LOANS, "quarantine_applications"),
        (LOANS, "validated_applications"),
        (LOANS, tables.REVIEWS),
        (LOANS, tables.features("x")),
        (tables.INSTALLATION, tables.PEOPLE),
    ):
        lake.ensure(use_case, name, pa.schema([("full_name", pa.string())]), partitioned=False)
        lake.append(use_case, name, pa.table({"full_name": ["Ada Example"]}))
    return home


@pytest.fixture
def lake(filled: Home) -> nightshift.ReadLake:
    return nightshift.open_lake(filled.root)


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder with its size and the time it was written."""
    found = {str(path): path.stat() for path in folder.rglob("*")}
    return {path: (one.st_size, one.st_mtime_ns) for path, one in found.items()}


def test_tables_say_what_they_hold_and_how_far_they_go(lake: nightshift.ReadLake) -> None:
    there = {one.name: one for one in lake.tables(LOANS)}
    decisions = there["decisions"]
    assert (decisions.rows, decisions.first, decisions.last) == (IN_ALL, FIRST, LAST)
    assert decisions.columns["event_timestamp"] == "timestamp[us, tz=UTC]"
    assert there["cases"].columns["outcome"] == "int64"
    assert there["release_events"].first is None
    assert all(one.holds.endswith(".") for one in there.values())
    assert lake.use_cases == (LOANS,)
    unread = {"quarantine_applications", "validated_applications", "reviews", "ledger_specs"}
    assert not unread & there.keys()


def test_a_table_no_night_wrote_has_no_rows(filled: Home, tmp_path: Path) -> None:
    shutil.copytree(filled.lake, tmp_path / "lake")
    shutil.rmtree(tmp_path / "lake" / LOANS / "incidents")
    lake = nightshift.open_lake(tmp_path)
    assert {one.name: one.rows for one in lake.tables()}["incidents"] == 0
    assert lake.table(LOANS, "incidents", FIRST, LAST).num_rows == 0
    assert lake.sql(f"SELECT kind FROM {LOANS}.incidents").to_arrow().num_rows == 0
    assert not (tmp_path / "lake" / LOANS / "incidents").exists()


def test_every_table_of_the_platform_is_published_or_withheld_for_a_reason() -> None:
    places = {"INSTALLATION", "LANDED_ON"}
    constants = {name: one for name, one in vars(tables).items() if name.isupper()}
    names = {one for name, one in constants.items() if isinstance(one, str) and name not in places}
    assert tables.DECISIONS in names
    names |= {make("x") for make in (tables.validated, tables.quarantine, tables.files)}
    names |= {tables.features("x"), tables.profile("x")}
    undecided = [name for name in names if (published(name) is None) == (why_not(name) is None)]
    assert undecided == []


def test_days_and_columns_are_chosen_when_reading(lake: nightshift.ReadLake) -> None:
    night = lake.table(LOANS, "decisions", LAST, LAST, ["score", "decision"])
    assert night.column_names == ["score", "decision"]
    assert night.num_rows == cases_of(89)
    assert lake.table(LOANS, "decisions", first=str(LAST)).num_rows == cases_of(89)
    assert lake.table(LOANS, "decisions").num_rows == IN_ALL
    assert lake.frame(LOANS, "cases", LAST, LAST, ["outcome", "region"]).shape == (cases_of(89), 2)


def test_times_are_utc_and_days_are_dates(lake: nightshift.ReadLake) -> None:
    frame = lake.frame(LOANS, "decisions", LAST, LAST)
    assert str(frame["event_timestamp"].dtype) == "datetime64[us, UTC]"
    assert frame[PARTITION].dt.date.unique().tolist() == [LAST]
    noon = lake.sql(f"SELECT max(event_timestamp)::VARCHAR AS t FROM {LOANS}.decisions").to_arrow()
    assert noon["t"][0].as_py() == f"{LAST} 12:00:00+00"


def test_sql_takes_parameters_and_a_default_use_case(filled: Home) -> None:
    with nightshift.open_lake(filled.root, use_case=LOANS) as lake:
        found = lake.sql(
            """WITH night AS (SELECT * FROM decisions WHERE partition_date = $day)
               SELECT count(*) AS n, sum(n) OVER () AS same FROM night, (SELECT 1 AS one)""",
            {"day": LAST},
        )
        assert found.columns == ["n", "same"]
        assert found.to_arrow().to_pylist() == [{"n": cases_of(89), "same": cases_of(89)}]
        assert lake.sql(f"FROM {LOANS.upper()}.Decisions LIMIT 2").to_arrow().num_rows == 2
    with pytest.raises(nightshift.ReadError, match="closed"):
        lake.sql("SELECT 1")


def test_only_the_files_of_the_days_asked_for_are_read(filled: Home, tmp_path: Path) -> None:
    shutil.copytree(filled.lake, tmp_path / "lake")
    kept = {f"partition_date={day}" for day in (LAST, FIRST)}
    for table in ("decisions", "scoring_set"):
        for part in (tmp_path / "lake" / LOANS / table).glob("partition_date=*"):
            if part.name not in kept:
                shutil.rmtree(part)
    lake = nightshift.open_lake(tmp_path)
    query = f"SELECT count(*) AS n FROM {LOANS}.%s WHERE partition_date = DATE '{FIRST}'"
    for table in ("decisions", "cases"):
        found = lake.sql(query % table).to_arrow()
        assert found["n"][0].as_py() == cases_of(90 - NIGHTS)
        assert lake.table(LOANS, table, FIRST, FIRST, ["score"]).num_rows == cases_of(90 - NIGHTS)
    with pytest.raises(nightshift.ReadError, match="could not be answered"):
        lake.sql(f"SELECT count(score) FROM {LOANS}.decisions").to_arrow()


NOT_A_SELECT = [
    "INSERT INTO loan_approval.decisions VALUES (1)",
    "DELETE FROM loan_approval.decisions",
    "CREATE TABLE mine AS SELECT 1",
    "COPY (SELECT 1) TO 'mine.csv'",
    "ATTACH 'mine.db'",
    "SET enable_external_access = true",
    "PRAGMA database_list",
    "INSTALL httpfs",
    "EXPORT DATABASE 'mine'",
    "SELECT 1; SELECT 2",
    "WITH gone AS (DELETE FROM loan_approval.decisions RETURNING *) SELECT * FROM gone",
    "",
]


@pytest.mark.parametrize("query", NOT_A_SELECT)
def test_nothing_but_a_select_is_run(lake: nightshift.ReadLake, query: str) -> None:
    with pytest.raises(nightshift.ReadError, match="read only: one SELECT"):
        lake.sql(query)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT * FROM read_csv('/etc/hostname')", r"read_csv\(\) is not readable here"),
        ("SELECT * FROM read_text('/etc/hostname')", r"read_text\(\) is not readable here"),
        ("SELECT * FROM glob('/etc/*')", r"glob\(\) is not readable here"),
        ("SELECT * FROM query('DROP TABLE x')", r"query\(\) is not readable here"),
        ("SELECT * FROM duckdb_settings()", r"duckdb_settings\(\) is not readable here"),
        ("SELECT * FROM '/etc/hostname'", "whose '/etc/hostname'"),
        ("SELECT * FROM '{home}/lake/loan_approval/reviews/*.parquet'", "whose '"),
        ("SELECT * FROM LAKE", "whose 'LAKE'"),
        ("SELECT (SELECT max(full_name) FROM loan_approval.reviews)", "reviewers write about"),
        ("SELECT * FROM loan_approval.quarantine_applications", "personal values sealed"),
        ("SELECT * FROM loan_approval.validated_applications", "gates at the door"),
        ("SELECT * FROM installation.people", "belongs to the installation"),
        ("SELECT * FROM information_schema.tables", "no use case 'information_schema'"),
        ("SHOW TABLES", "tables"),
        ("SELEC 1", "no SQL DuckDB understands"),
        ("SELECT nothing FROM loan_approval.decisions", "nothing"),
        ("SELECT * FROM loan_approval.features_nobody", "has written 'features_nobody' yet"),
        ("SELECT * FROM loan_approval.nobody", "no table 'nobody'"),
        ('FROM loan_approval."features_x/../reviews"', "no table 'features_x/../reviews'"),
        ('FROM "loan_approval/../installation".people', "no use case 'loan_approval/../inst"),
    ],
)
def test_files_settings_and_unpublished_tables_are_refused(
    lake: nightshift.ReadLake, filled: Home, query: str, told: str
) -> None:
    with pytest.raises(nightshift.ReadError, match=told):
        lake.sql(query.replace("{home}", str(filled.root))).to_arrow()


def test_duckdb_itself_is_locked_too(lake: nightshift.ReadLake) -> None:
    """Should the parser miss something, the engine still reads no file and takes no setting."""
    import duckdb

    locked = lake._connection
    for query in ("FROM read_text('/etc/hostname')", "COPY (SELECT 1) TO '/tmp/nightshift.csv'"):
        with pytest.raises(duckdb.PermissionException, match="disabled by configuration"):
            locked.execute(query)
    with pytest.raises(duckdb.InvalidInputException, match="locked"):
        locked.execute("SET enable_external_access = true")


def test_reading_leaves_no_trace(
    filled: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = everything(filled.root)
    with nightshift.open_lake(filled.root) as lake:
        lake.tables(LOANS)
        lake.frame(LOANS, "cases")
        lake.measures(LOANS, "drift")
        lake.sql(f"SELECT count(*) FROM {LOANS}.decisions").to_pandas()
        with pytest.raises(nightshift.ReadError):
            lake.table(LOANS, "features_nobody")
    assert everything(filled.root) == before
    with pytest.raises(nightshift.ReadError, match="is no home of Nightshift"):
        nightshift.open_lake(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_errors_say_what_there_is(lake: nightshift.ReadLake) -> None:
    def told(use_case: str = LOANS, name: str = "decisions", **asked: object) -> str:
        with pytest.raises(nightshift.ReadError) as error:
            lake.table(use_case, name, **asked)  # type: ignore[arg-type]
        return str(error.value)

    assert f"there is {LOANS}" in told("loans")
    assert "There is alerts, challenger_scores" in told(name="decision")
    assert "it has decision_id, revision" in told(columns=["scores"])
    assert "write it as YYYY-MM-DD" in told(first="yesterday")
    after = LAST + timedelta(days=1)
    assert f"no rows on {after}; it has {NIGHTS} days from {FIRST} to {LAST}" in told(
        first=after, last=after
    )
    assert "leave first and last out" in told(name="release_events", first=FIRST)
    with pytest.raises(nightshift.ReadError, match="holds no measures"):
        lake.measures(LOANS, "decisions")


def test_an_answer_stays_the_same_while_a_night_is_written(filled: Home, tmp_path: Path) -> None:
    shutil.copytree(filled.lake, tmp_path / "lake")
    writer, day = Lake(tmp_path / "lake"), LAST + timedelta(days=1)
    reader = nightshift.open_lake(tmp_path)
    count = f"SELECT count(*) AS n FROM {LOANS}.decisions"
    assert reader.sql(count).to_arrow()["n"][0].as_py() == IN_ALL
    writer.replace_day(LOANS, "decisions", day, writer.read_day(LOANS, "decisions", LAST))
    assert reader.sql(count).to_arrow()["n"][0].as_py() == IN_ALL
    assert reader.table(LOANS, "decisions").num_rows == IN_ALL
    reader.refresh()
    assert reader.sql(count).to_arrow()["n"][0].as_py() == IN_ALL + cases_of(89)
    assert reader.window().last == day


def test_an_outcome_counts_once_the_case_has_matured(lake: nightshift.ReadLake) -> None:
    """Bad outcomes are known early; counting them at once would count them alone."""
    cases = lake.frame(LOANS, "cases")
    close = datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC) + timedelta(days=1)
    due = cases["event_timestamp"] + timedelta(days=14) <= close
    assert (cases["matured"] == due).all()
    assert cases.loc[due, "outcome"].notna().all()
    assert cases.loc[~due, "outcome"].isna().all()
    early = lake.frame(LOANS, "labels", columns=["label", "observed_at"])
    assert len(early) > due.sum()
    assert cases["case_key"].is_unique


def test_of_several_outcomes_the_last_observed_holds(filled: Home, tmp_path: Path) -> None:
    shutil.copytree(filled.lake, tmp_path / "lake")
    writer = Lake(tmp_path / "lake")
    decided = writer.read_day(LOANS, "decisions", FIRST)
    key, at = decided["case_key"][0].as_py(), decided["event_timestamp"][0].as_py()
    told = [(0, at + timedelta(days=15)), (1, at + timedelta(days=16)), (0, at + timedelta(days=3))]
    for label, observed in told:
        row = {"application_id": key, "label": label, "observed_at": observed}
        day = observed.date()
        there = writer.read_day(LOANS, "labels", day)
        new = pa.Table.from_pylist([{**row, PARTITION: day}], schema=there.schema)
        writer.replace_day(LOANS, "labels", day, pa.concat_tables([there, new]))
    query = f"SELECT outcome, outcome_observed_at AS t FROM {LOANS}.cases WHERE case_key = $key"
    found = nightshift.open_lake(tmp_path).sql(query, {"key": key}).to_arrow().to_pylist()
    assert found == [{"outcome": 1, "t": at + timedelta(days=16)}]


def test_withdrawn_cases_are_no_cases(filled: Home, tmp_path: Path) -> None:
    shutil.copytree(filled.lake, tmp_path / "lake")
    writer = Lake(tmp_path / "lake")
    decided = writer.read_day(LOANS, "decisions", LAST)
    rules = [WITHDRAWN, None, *decided["rule"].to_pylist()[2:]]
    place = decided.column_names.index("rule")
    writer.replace_day(
        LOANS, "decisions", LAST, decided.set_column(place, "rule", pa.array(rules, pa.string()))
    )
    found = nightshift.open_lake(tmp_path).table(LOANS, "cases", LAST, LAST, ["rule"])
    assert found.num_rows == cases_of(89) - 1


def test_a_feature_called_like_a_column_of_the_decision_gets_a_prefix(
    lake: nightshift.ReadLake,
) -> None:
    values = ["application_id", "score", 'odd "name', PARTITION]
    query = cases_sql(lake.about(), values, LAST, labelled=False)
    assert 's."score" AS "value_score"' in query
    assert 's."odd ""name" AS "odd ""name"' in query
    assert "application_id" not in query.split("FROM")[0]


def test_a_use_case_says_what_its_columns_mean(lake: nightshift.ReadLake, tmp_path: Path) -> None:
    facts = lake.about()
    assert (facts.task, facts.metric) == ("binary", "average_precision")
    assert facts.key == "application_id"
    assert facts.titled("amount") == "amount (EUR)"
    assert facts.titled("channel") == "channel"
    assert facts.sensitive == {"region": None, "age": (30.0, 45.0, 60.0)}
    assert facts.matures_after == timedelta(days=14)
    (tmp_path / "lake").mkdir()
    empty = nightshift.open_lake(tmp_path)
    assert empty.use_cases == ()
    with pytest.raises(nightshift.ReadError, match="There is none yet"):
        empty.about()


def test_measures_come_with_their_detail_unpacked(lake: nightshift.ReadLake) -> None:
    found = lake.measures(LOANS, "drift", ["input_moved", "impact"], LAST, LAST)
    assert found["measure"].tolist() == ["impact", "input_moved"]
    assert found["detail"].iloc[1]["reference_rows"] == 5000
    assert str(found["model_version"].dtype) == "Int64"
    none = lake.measures(LOANS, "drift", last=date(2020, 1, 1))
    assert none.dtypes.astype(str).to_dict() == found.dtypes.astype(str).to_dict()
    assert none.empty


def test_a_window_ends_with_the_last_night_on_record(lake: nightshift.ReadLake) -> None:
    window = lake.window(nights=7)
    assert window.days == {"first": LAST - timedelta(days=6), "last": LAST}
    assert str(lake.window(LOANS, "2026-08-01", 1)) == (
        "loan_approval, nights 2026-08-01 to 2026-08-01 (UTC)"
    )


def test_a_home_is_found_by_name_by_variable_or_above(
    filled: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NIGHTSHIFT_HOME", raising=False)
    below = filled.root.parent / "notebooks"
    below.mkdir(exist_ok=True)
    monkeypatch.chdir(below)
    assert nightshift.open_lake().home == filled.root
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nightshift.ReadError, match="NIGHTSHIFT_HOME"):
        nightshift.open_lake()
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(filled.root))
    assert nightshift.open_lake(use_case=LOANS).home == filled.root
    with pytest.raises(nightshift.ReadError, match="no use case 'churn'"):
        nightshift.open_lake(use_case="churn")


def test_shares_come_with_wilsons_interval() -> None:
    none = nightshift.share(0, 30)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.1135, abs=1e-4)  # Wilson: z² / (n + z²)
    gap = nightshift.difference(56, 70, 48, 80)  # Newcombe (1998), table II, first example
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    for hits, n in ((0, 0), (3, 2), (-1, 5)):
        with pytest.raises(nightshift.ReadError, match="is no share"):
            nightshift.share(hits, n)
