"""Commands attack what lies outside, with real programs; the kernel says no and everything inside works."""

import logging
import os
import stat
import sys
import threading
from pathlib import Path

import anyio
import pytest

from acp_agent.base.errors import WorkspaceError
from acp_agent.workspaces.landlock import Support, support
from acp_agent.workspaces.local import LocalWorkspace
from acp_agent.workspaces.sandbox import Limits, Sandbox

KERNEL = support()
needs_kernel = pytest.mark.skipif(KERNEL.extent != "whole", reason=f"cannot confine here: {KERNEL.text}")
posix_only = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX shell")
MISSING = Support("none", "no kernel to speak of")

PYTHON = f"{sys.executable} -I -c"

# Run in the workspace; `$OUT` is the neighbour that holds `file` and `folder/deep`.
ATTACKS = {
    "redirection": 'echo evil >"$OUT/file"',
    "appending": 'echo evil >>"$OUT/file"',
    "a new file": 'echo evil >"$OUT/new"',
    "a file above": "echo evil >../new",
    "from another directory": 'cd "$OUT" && echo evil >file',
    "copying": 'echo evil >mine; cp mine "$OUT/file"',
    "moving out": 'echo evil >mine; mv mine "$OUT/new"',
    "moving a directory out": 'mkdir -p d/e; mv d "$OUT/new"',
    "moving in": 'mv "$OUT/file" taken',
    "moving within": 'mv "$OUT/file" "$OUT/new"',
    "exchanging": "echo evil >mine; "
    f"""{PYTHON} 'import os; os.replace("mine", os.environ["OUT"] + "/file")'""",
    "deleting": 'rm -f "$OUT/file"',
    "deleting a tree": 'rm -rf "$OUT/folder"',
    "a directory": 'mkdir "$OUT/new"',
    "removing a directory": 'rm "$OUT/folder/deep"; rmdir "$OUT/folder"',
    "a link outside": 'ln -s /etc "$OUT/new"',
    "a hard link outside": 'echo evil >mine; ln mine "$OUT/new"',
    "through a hard link": 'ln "$OUT/file" mine; echo evil >mine',
    "through a link": 'ln -s "$OUT/file" mine; echo evil >mine',
    "through a linked directory": 'ln -s "$OUT" there; echo evil >there/file',
    "a pipe": 'mkfifo "$OUT/new"',
    "emptying": 'truncate -s 0 "$OUT/file"',
    "emptying by system call": f"""{PYTHON} 'import os; os.truncate(os.environ["OUT"] + "/file", 0)'""",
    "emptying while reading": f"""{PYTHON} 'import os; os.open(os.environ["OUT"] + "/file", os.O_TRUNC)'""",
    "editing in place": 'sed -i s/kept/evil/ "$OUT/file"',
    "unpacking": 'echo evil >file; tar cf t.tar file; tar xf t.tar -C "$OUT"',
    "dd": 'echo evil | dd of="$OUT/file" 2>&1',
    "python": f"""{PYTHON} 'import os; open(os.environ["OUT"] + "/file", "w").write("evil")'""",
    "a grandchild": """sh -c 'sh -c "echo evil >\\"$OUT/file\\""'""",
    "a background process": '(echo evil >"$OUT/file") & wait',
    "a session of its own": """setsid -w sh -c 'echo evil >"$OUT/file"'""",
    "another name of the root": 'echo evil >"/proc/self/root$OUT/file"',
    "another name of the directory": "echo evil >/proc/self/cwd/../new",
}


@pytest.fixture
def outside(root: Path) -> Path:
    made = root.parent / "outside"
    (made / "folder").mkdir(parents=True)
    (made / "file").write_text("kept", encoding="utf-8")
    (made / "folder/deep").write_text("kept", encoding="utf-8")
    return made


@pytest.fixture
def sandbox():
    made = Sandbox("auto")
    yield made
    made.scratch.remove()


@pytest.fixture
def confined(root, outside, sandbox):
    return LocalWorkspace((root,), {**os.environ, "OUT": str(outside)}, sandbox)


@pytest.fixture
def run(sink):
    async def run(workspace, command):
        with anyio.fail_after(30):
            return await workspace.run(
                command, cwd=workspace.roots[0], timeout=25, output_limit=10_000, sink=sink
            )

    return run


def _snapshot(root: Path) -> dict[str, object]:
    """Everything beside the workspace."""
    paths = [path for path in root.parent.rglob("*") if path != root and root not in path.parents]
    return {str(path): path.read_text(encoding="utf-8") if path.is_file() else None for path in paths}


@needs_kernel
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_nothing_outside_is_changed(confined, run, root, outside, attack):
    before = _snapshot(root)
    await run(confined, attack)
    assert _snapshot(root) == before
    assert (outside / "file").stat().st_nlink == 1


@posix_only
@pytest.mark.skipif(sys.platform != "linux", reason="some attacks are Linux's own")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_without_the_sandbox_every_attack_succeeds(run, root, outside, attack):
    before = _snapshot(root)
    workspace = LocalWorkspace((root,), {**os.environ, "OUT": str(outside)}, Sandbox("off"))
    await run(workspace, attack)
    assert _snapshot(root) != before


@needs_kernel
@pytest.mark.parametrize(
    "work",
    [
        "echo a >a && mkdir -p b/c && mv a b/c/d && ln -s b/c e && cp e/d f && ln f g && rm -r b && mkfifo h",
        "git init -q . && echo x >x && git add x && git gc -q && "
        "git -c user.name=n -c user.email=e commit -qm m",
        f"{sys.executable} -m venv --without-pip env && env/bin/python -c 'print(1)'",
        f"{PYTHON} 'import multiprocessing; multiprocessing.Lock().acquire()'",
        f"{PYTHON} 'import pty, os; master, slave = pty.openpty(); os.write(slave, b\"x\")'",
        "echo x >/dev/null && head -c 1 /dev/urandom >r && echo x >&2 && echo x >/dev/stderr",
        'touch t.sh && chmod +x t.sh && touch -d 2001-01-01 t.sh && cat <<< "here" >doc && ls /proc/self/fd',
    ],
)
async def test_work_inside_goes_on_as_ever(confined, run, work):
    result = await run(confined, work)
    assert result.exit_code == 0, result.output


@needs_kernel
async def test_every_root_and_every_directory_named_writable_can_be_changed(run, root, tmp_path):
    second, extra = tmp_path / "second", tmp_path / "extra"
    second.mkdir()
    extra.mkdir()
    sandbox = Sandbox("auto", writable=(extra, tmp_path / "missing"))
    workspace = LocalWorkspace((root, second), None, sandbox)
    result = await run(workspace, f"echo x >{second}/a && echo x >{extra}/a && mv {second}/a {extra}/b")
    sandbox.scratch.remove()
    assert result.exit_code == 0, result.output


@needs_kernel
async def test_a_directory_exchanged_for_a_link_opens_no_way_out(run, root, outside):
    inner = root / "inner"
    inner.mkdir()
    sandbox = Sandbox("auto", writable=(inner,))
    workspace = LocalWorkspace((root, inner), {**os.environ, "OUT": str(outside)}, sandbox)
    assert (await run(workspace, 'rmdir inner && ln -s "$OUT" inner')).exit_code == 0
    assert (await run(workspace, "echo evil >inner/file")).exit_code != 0
    sandbox.scratch.remove()
    assert (outside / "file").read_text(encoding="utf-8") == "kept"


@needs_kernel
async def test_the_temporary_directory_is_private_and_gone_at_the_end(confined, run, root, sandbox):
    made = await run(confined, 'echo "$TMPDIR"; echo kept >"$TMPDIR/note"; mktemp')
    temporary, inner = map(Path, made.output.splitlines())
    assert temporary in inner.parents
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o700
    assert (await run(confined, 'cat "$TMPDIR/note"')).output == "kept\n"

    other = LocalWorkspace((root,), None, sandbox)
    result = await run(other, f'echo evil >{temporary}/note; echo "$TMPDIR"')
    assert result.output.splitlines()[-1] != str(temporary)
    assert (temporary / "note").read_text(encoding="utf-8") == "kept\n"

    await sandbox.aclose()
    assert not temporary.exists()


@needs_kernel
async def test_a_temporary_directory_that_was_cleaned_away_is_made_anew(confined, run):
    first = await run(confined, 'echo "$TMPDIR"')
    os.rmdir(first.output.strip())
    assert (await run(confined, 'echo x >"$TMPDIR/x"')).exit_code == 0


@needs_kernel
@pytest.mark.parametrize(
    "attack",
    [
        'cat "$OUT/secrets/key"',
        'cat "$OUT/settings"',
        'cp -r "$OUT/secrets" .; cat secrets/key',
        'ln "$OUT/secrets/key" mine; cat mine',
        'ln -s "$OUT/secrets/key" mine; cat mine',
        'cat "/proc/self/root$OUT/secrets/key"',
        'mv "$OUT/secrets" .; cat secrets/key',
        """sh -c 'cat "$OUT"/*/key' & wait""",
    ],
)
async def test_hidden_files_are_not_read_but_their_neighbours_are(run, root, outside, attack):
    (outside / "secrets").mkdir()
    (outside / "secrets/key").write_text("hunter2", encoding="utf-8")
    (outside / "settings").write_text("hunter2", encoding="utf-8")
    sandbox = Sandbox("auto", hidden=(outside / "secrets", outside / "settings", outside / "missing/file"))
    workspace = LocalWorkspace((root,), {**os.environ, "OUT": str(outside)}, sandbox)
    result = await run(workspace, f'{attack}; cat "$OUT/file" "$OUT/folder/deep"; echo new >new; cat new')
    sandbox.scratch.remove()
    assert "hunter2" not in result.output
    assert result.output.endswith("keptkeptnew\n")


@needs_kernel
async def test_what_a_root_contains_cannot_be_hidden(run, root):
    (root / "secrets").mkdir()
    (root / "secrets/key").write_text("mine", encoding="utf-8")
    sandbox = Sandbox("auto", hidden=(root / "secrets",))
    result = await run(LocalWorkspace((root,), None, sandbox), "cat secrets/key; echo new >new; cat new")
    sandbox.scratch.remove()
    assert result.output == "minenew\n"


@needs_kernel
async def test_our_memory_cannot_be_read_and_no_rights_are_gained(confined, run):
    result = await run(confined, f"head -c 1 /proc/{os.getpid()}/mem; grep NoNewPrivs: /proc/self/status")
    assert "Permission denied" in result.output
    assert result.output.split()[-1] == "1"


@needs_kernel
@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read the environment of others")
async def test_our_environment_cannot_be_read(confined, run):
    result = await run(confined, f"cat /proc/{os.getpid()}/environ")
    assert "Permission denied" in result.output


@needs_kernel
@pytest.mark.skipif(int(KERNEL.text.split()[-1]) < 6 if KERNEL.extent == "whole" else True, reason="too old")
async def test_a_command_signals_only_what_it_started(confined, run):
    result = await run(confined, f"kill -0 {os.getpid()} || echo no; sleep 60 & kill $! && echo yes")
    assert result.output.splitlines()[-2:] == ["no", "yes"]


@needs_kernel
async def test_we_and_our_threads_stay_unconfined(confined, run, root, outside):
    await run(confined, "true")
    await confined.write_text(root / "a", "x")
    threads = threading.active_count()
    await anyio.to_thread.run_sync((outside / "file").write_text, "ours", "utf-8")
    (outside / "new").write_text("ours", encoding="utf-8")
    (root / "b").write_text("ours", encoding="utf-8")
    await run(confined, "true")
    assert threading.active_count() <= threads


@needs_kernel
def test_writes_of_ours_are_confined_to_the_roots(root, outside, sandbox):
    limits = Limits(sandbox, (root,))
    assert limits.write(lambda: (root / "a").write_text("x", encoding="utf-8")) == 1
    with pytest.raises(PermissionError):
        limits.write(lambda: (outside / "file").write_text("evil", encoding="utf-8"))
    assert (outside / "file").read_text(encoding="utf-8") == "kept"


async def test_where_it_is_required_and_missing_nothing_runs_and_nothing_is_written(run, root):
    workspace = LocalWorkspace((root,), None, Sandbox("require", kernel=lambda: MISSING))
    with pytest.raises(WorkspaceError, match=r"`sandbox` is `require`.*no kernel to speak of"):
        await run(workspace, "echo x >a")
    with pytest.raises(WorkspaceError, match="`sandbox` is `require`"):
        await workspace.write_text(root / "a", "x")
    assert list(root.iterdir()) == []


async def test_half_of_it_is_not_enough_where_it_is_required(run, root):
    workspace = LocalWorkspace((root,), None, Sandbox("require", kernel=lambda: Support("partial", "old")))
    with pytest.raises(WorkspaceError, match="`sandbox` is `require`"):
        await run(workspace, "true")


@posix_only
async def test_where_it_is_missing_work_goes_on_and_the_log_says_so_once(run, root, caplog):
    caplog.set_level(logging.INFO)
    workspace = LocalWorkspace((root,), None, Sandbox("auto", kernel=lambda: MISSING))
    await workspace.write_text(root / "a", "x")
    assert (await run(workspace, "cat a")).output == "x"
    assert (await run(workspace, 'echo "$TMPDIR"')).exit_code == 0
    told = [record.getMessage() for record in caplog.records if "confined" in record.getMessage()]
    assert told == ["commands are not confined: no kernel to speak of"]


@posix_only
async def test_who_wants_to_know_before_a_process_starts_is_told(run, root):
    started: list[str] = []
    sandbox = Sandbox("off", before_start=lambda: started.append("soon"))
    await run(LocalWorkspace((root,), None, sandbox), "true")
    assert started == ["soon"]
