from __future__ import annotations

import subprocess
import sys


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_start_reads_only_the_addons_it_uses() -> None:
    """The web frameworks and directories of mitmproxy's other addons cost a quarter of every start."""
    code = "import sys, fairwitness.proxy.serve; print({'flask', 'ldap3', 'werkzeug'} & sys.modules.keys())"
    assert _run(code) == "set()"


def test_mitmproxys_own_programs_still_get_all_addons() -> None:
    """In one process with us, `default_addons` is what it is without us."""
    count = "; from mitmproxy import addons; print(len(addons.default_addons()))"
    assert _run("import fairwitness.proxy" + count) == _run("import sys" + count) != "0"


def test_an_addon_that_we_do_not_use_can_be_imported() -> None:
    """By both forms of an import."""
    assert (
        _run(
            "import fairwitness.proxy; from mitmproxy.addons import block; import mitmproxy.addons.cut as c;"
            "print(block.Block.__name__, c.Cut.__name__)"
        )
        == "Block Cut"
    )


def test_who_came_first_keeps_the_whole_package() -> None:
    """In a mitmproxy that somebody else started, its package stays as it is."""
    code = "import mitmproxy.addons as a, fairwitness.proxy; print('default_addons' in vars(a))"
    assert _run(code) == "True"
