"""Which files are read, and that each one that is not is counted with its reason."""

import os

from audits.js.files.collect import collect
from audits.js.files.folder import Folder

PUT = "await env.SESSIONS.put('a', 'b');"


def test_what_is_left_out_is_counted_with_its_reason(project, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/latin.js").write_bytes(b"// caf\xe9\n" + PUT.encode())
    (tmp_path / "src/wide.js").write_bytes(PUT.encode("utf-16"))
    found = project(
        {
            "src/a.ts": PUT,
            "node_modules/x/i.js": PUT,
            "packages/y/node_modules/x/i.js": PUT,
            "dist/i.js": PUT,
            ".wrangler/tmp/i.js": PUT,
            "src/big.js": PUT + " " * 1_000_001,
            "src/one-line.js": PUT + "a();" * 10_000,
            "src/x.min.js": PUT,
            ".gitignore": "/generated\n*.gen.ts\n!keep.gen.ts\n",
            "generated/a.ts": PUT,
            "src/b.gen.ts": PUT,
            "src/keep.gen.ts": PUT,
            "sub/.gitignore": "c.ts\n",
            "sub/c.ts": PUT,
        }
    )
    assert [operation.place.path for operation in found.operations] == ["src/a.ts", "src/keep.gen.ts"]
    assert found.skipped == {
        "build output": (".wrangler/", "dist/"),
        "dependency": ("node_modules/", "packages/y/node_modules/"),
        "ignored by git": ("generated/", "src/b.gen.ts", "sub/c.ts"),
        "larger than 1 MB": ("src/big.js",),
        "minified": ("src/one-line.js", "src/x.min.js"),
        "not UTF-8": ("src/latin.js", "src/wide.js"),
    }
    assert found.files["skipped"] == 12


def test_links_are_not_followed(project, tmp_path):
    (tmp_path / "src").mkdir()
    os.symlink(tmp_path, tmp_path / "src/loop")
    os.symlink(tmp_path / "src/a.ts", tmp_path / "src/b.ts")
    found = project({"src/a.ts": PUT})
    assert len(found.operations) == 1
    assert found.skipped == {"symbolic link": ("src/b.ts", "src/loop/")}


def test_a_link_to_itself_and_a_pipe_end_nothing(project, tmp_path):
    os.symlink("self", tmp_path / "self")
    os.symlink("again.ts", tmp_path / "again.ts")
    os.mkfifo(tmp_path / "pipe.ts")
    found = project({"src/a.ts": PUT})
    assert len(found.operations) == 1
    assert found.skipped == {"symbolic link": ("again.ts",), "no ordinary file": ("pipe.ts",)}


def test_an_image_as_text_makes_no_file_a_minified_one(project):
    image = f"const icon = 'data:image/png;base64,{'iVBORw0KGgo/' * 4_000}==';\n"
    found = project({"src/icon.ts": image + PUT, "src/bundle.js": image + "a(1);" * 5_000 + PUT})
    assert [operation.place.path for operation in found.operations] == ["src/icon.ts"]
    assert found.skipped == {"minified": ("src/bundle.js",)}


def test_include_and_exclude(project):
    files = {"a/x.ts": PUT, "b/x.ts": PUT, "c/x.ts": PUT}
    found = project(files, include=("a/", "b/"), exclude=("b/",))
    assert [operation.place.path for operation in found.operations] == ["a/x.ts"]
    assert found.skipped == {"excluded": ("b/",), "not included": ("c/x.ts",)}


def test_paths_limit_the_report_and_not_the_reading(project):
    files = {
        "src/store.ts": "export const save = (env, k) => env.SESSIONS.put(k, 'v');",
        "src/a.ts": "import { save } from './store'; save(env, 'a'); await env.SESSIONS.get('x');",
    }
    (operation,) = project(files, paths=("src/store.ts",)).operations
    assert [str(key) for key in operation.keys] == ["a"]


def test_a_configuration_that_cannot_be_read_is_counted(project):
    found = project({"wrangler.toml": "x = [", "src/a.ts": PUT})
    assert list(found.skipped.values()) == [("wrangler.toml",)]
    assert [reason.partition(":")[0] for reason in found.skipped] == ["configuration"]


def test_nothing_to_read(project):
    found = project({"README.md": "x"})
    assert found.operations == ()
    assert found.files["collected"] == 0


def test_syntax_errors_are_told_and_what_is_around_them_is_found(project):
    found = project("await env.SESSIONS.put('a', 'b');\nconst = ;\nawait env.SESSIONS.get('c');")
    assert [operation.method for operation in found.operations] == ["put", "get"]
    assert found.unparsed == ("src/index.ts",)


def test_the_rules_of_the_repository_hold_in_a_part_of_it(tmp_path):
    part = tmp_path / "apps" / "one"
    part.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("/apps/one/made.ts\n")
    for name in ("a.ts", "made.ts"):
        (part / name).write_text(PUT)
    found = collect(Folder(part))
    assert (list(found.files), found.skipped) == (["a.ts"], {"ignored by git": ["made.ts"]})


def test_a_text_stands_in_for_a_file_that_need_not_be_there(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.ts").write_text(PUT * 100_000)
    (tmp_path / ".gitignore").write_text("made/\n")
    replaced = {"src/a.ts": b"1", "src/new/b.ts": b"22"}
    found = collect(Folder(tmp_path, replaced))
    assert found.files == {"src/a.ts": 1, "src/new/b.ts": 2}
    for path, reason, shown in (
        ("made/x.ts", "ignored by git", "made/"),
        ("src/node_modules/x/x.ts", "dependency", "src/node_modules/"),
        ("src/dist/x.ts", "build output", "src/dist/"),
        (".git/x.ts", "hidden", ".git/"),
        ("src/x.min.js", "minified", "src/x.min.js"),
        ("no/x.ts", "excluded", "no/"),
    ):
        found = collect(Folder(tmp_path, {path: b"1"}), exclude=("no/",))
        assert path not in found.files
        assert shown in found.skipped[reason]
    assert collect(Folder(tmp_path, {"README.md": b"1"})).files == {}


def test_files_that_may_hold_comments_of_ours_are_told(project, tmp_path):
    files = {
        "a.ts": "// kvferry: x",
        "b.ts": "x('kvferry:')",
        "c.ts": "kvferry",
        "d.vue": "<p>kvferry:</p>\n<script>x</script>",
    }
    for asked in ({}, {"cache": tmp_path / "cache"}, {"cache": tmp_path / "cache"}):
        assert project(files, **asked).marked == ("a.ts", "b.ts")
