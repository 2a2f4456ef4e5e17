"""Work as people give it to an agent, from the prompt to the final tree, with the real tools."""

from __future__ import annotations

import json
import os

import pytest

from acp_agent.sdk.embed.options.permission import PermissionPolicy
from tests.scenarios.conftest import Play, Repository

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX shell")

TESTS = "python3 -m unittest -q"

SHOP = {
    "shop/__init__.py": "",
    "shop/prices.py": '''\
"""Prices."""


def total(prices, discount=0):
    """The sum, less a discount in percent."""
    amount = sum(prices)
    return amount - discount


def cheapest(prices):
    """The lowest price."""
    return min(prices)
''',
    "shop/cart.py": """\
from shop.prices import cheapest, total


class Cart:
    def __init__(self):
        self.prices = []

    def add(self, price):
        self.prices.append(price)

    def total(self):
        return total(self.prices)

    def cheapest(self):
        return cheapest(self.prices)
""",
    "test_shop.py": """\
import unittest

from shop.cart import Cart
from shop.prices import cheapest, total


class ShopTest(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total([10, 20]), 30)

    def test_discount_is_in_percent(self):
        self.assertEqual(total([100, 100], discount=10), 180)

    def test_cheapest(self):
        self.assertEqual(cheapest([3, 1, 2]), 1)

    def test_cart(self):
        cart = Cart()
        cart.add(5)
        self.assertEqual((cart.total(), cart.cheapest()), (5, 5))
""",
}

FIXED_PRICES = SHOP["shop/prices.py"].replace("amount - discount", "amount * (100 - discount) / 100")
FIXED = {**SHOP, "shop/prices.py": FIXED_PRICES}


def call(tool: str, **args: object) -> str:
    return f"call: {tool} {json.dumps(args)}"


def steps(*replies: str) -> str:
    return "\n---\n".join(replies)


async def test_a_failing_test_is_found_and_its_cause_mended(repository: Repository, play: Play) -> None:
    repository.commit(SHOP)
    script = steps(
        call("bash", command=TESTS),
        "\n".join((call("grep", pattern="def total"), call("read", path="test_shop.py"))),
        call("read", path="shop/prices.py", offset=4, limit=4),
        call(
            "edit",
            path="shop/prices.py",
            old_text="    return amount - discount",
            new_text="    return amount * (100 - discount) / 100",
        ),
        call("bash", command=TESTS),
        "say: The discount was taken as an amount; it is in percent. Tests: {result}",
    )
    played = await play(script, "make the tests pass")
    first, found, shown, _, _, last = played.answers
    assert "FAILED (failures=1)" in first.text
    assert "test_discount_is_in_percent" in first.text
    assert "shop/prices.py:4:def total" in found.text
    assert "def test_cart" in shown.text
    assert (last.is_error, "OK" in last.text) == (False, True)
    assert played.failed == ["bash"]
    assert repository.tree() == FIXED
    assert played.result.text.startswith("The discount was taken as an amount")


async def test_a_name_is_changed_in_all_files_that_have_it(repository: Repository, play: Play) -> None:
    repository.commit(FIXED)
    diff = """\
--- a/shop/prices.py
+++ b/shop/prices.py
@@ -1,3 +1,3 @@
-def cheapest(prices):
+def lowest(prices):
     \"\"\"The lowest price.\"\"\"
     return min(prices)
"""
    script = steps(
        call("grep", pattern=r"\bcheapest\b", glob="*.py"),
        "\n".join(
            (
                call("patch", path="shop/prices.py", diff=diff),
                call(
                    "edit",
                    path="shop/cart.py",
                    edits=[
                        {"old_text": "import cheapest, total", "new_text": "import lowest, total"},
                        {
                            "old_text": "return cheapest(self.prices)",
                            "new_text": "return lowest(self.prices)",
                        },
                    ],
                ),
                call(
                    "edit",
                    path="test_shop.py",
                    edits=[
                        {"old_text": "import cheapest, total", "new_text": "import lowest, total"},
                        {"old_text": "cheapest([3, 1, 2])", "new_text": "lowest([3, 1, 2])"},
                    ],
                ),
            )
        ),
        "\n".join((call("bash", command=TESTS), call("git", command="diff"))),
        "say: Renamed. {result}",
    )
    played = await play(script, "rename the function cheapest to lowest; methods keep their names")
    assert played.failed == []
    assert played.answers[0].text.count("cheapest") == 7
    assert repository.changed() == ["shop/cart.py", "shop/prices.py", "test_shop.py"]
    renamed = {name: text.replace("import cheapest,", "import lowest,") for name, text in FIXED.items()}
    renamed["shop/prices.py"] = renamed["shop/prices.py"].replace("def cheapest(", "def lowest(")
    renamed["shop/cart.py"] = renamed["shop/cart.py"].replace("cheapest(self.prices)", "lowest(self.prices)")
    renamed["test_shop.py"] = renamed["test_shop.py"].replace("(cheapest([", "(lowest([")
    assert repository.tree() == renamed
    assert "OK" in played.answers[-2].text
    assert played.result.text.count("+from shop.prices import lowest, total") == 2


async def test_a_feature_is_added_with_its_tests(repository: Repository, play: Play) -> None:
    repository.commit(FIXED)
    new_test = """\
import unittest

from shop.vouchers import Voucher
from shop.cart import Cart


class VoucherTest(unittest.TestCase):
    def test_a_voucher_lowers_the_total_but_not_below_nothing(self):
        cart = Cart()
        cart.add(30)
        self.assertEqual(cart.total(Voucher(10)), 20)
        self.assertEqual(cart.total(Voucher(50)), 0)
"""
    diff = """\
@@ -9,5 +9,8 @@
         self.prices.append(price)
 
-    def total(self):
-        return total(self.prices)
+    def total(self, voucher=None):
+        amount = total(self.prices)
+        if voucher is not None:
+            amount = voucher.redeemed(amount)
+        return amount
 
"""  # noqa: W293
    voucher = "class Voucher:\n    def __init__(self, value):\n        self.value = value\n"
    more = "\n    def redeemed(self, amount):\n        return max(amount - self.value, 0)\n"
    script = steps(
        call("write", path="test_vouchers.py", content=new_test),
        call("bash", command=TESTS),
        "\n".join(
            (
                call("write", path="shop/vouchers.py", content=voucher + more),
                call("patch", path="shop/cart.py", diff=diff),
            )
        ),
        call("bash", command=TESTS),
        call("git", command="status"),
        "say: Vouchers work. {result}",
    )
    played = await play(script, "let carts take vouchers")
    assert played.failed == ["bash"]
    assert "No module named 'shop.vouchers'" in played.answers[1].text
    assert "Ran 5 tests" in played.answers[4].text
    cart = FIXED["shop/cart.py"].replace(
        "    def total(self):\n        return total(self.prices)\n",
        "    def total(self, voucher=None):\n        amount = total(self.prices)\n"
        "        if voucher is not None:\n"
        "            amount = voucher.redeemed(amount)\n        return amount\n",
    )
    made = {"shop/cart.py": cart, "shop/vouchers.py": voucher + more, "test_vouchers.py": new_test}
    assert repository.changed() == sorted(made)
    assert repository.tree() == {**FIXED, **made}
    assert "?? shop/vouchers.py" in played.result.text


async def test_an_investigation_asks_for_nothing_and_changes_nothing(
    repository: Repository, play: Play
) -> None:
    repository.commit(SHOP)
    script = steps(
        "\n".join(
            (
                call("ls", path="."),
                call("glob", pattern="**/*.py"),
                call("grep", pattern="discount"),
                call("read", path="shop/prices.py"),
                call("git", command="log"),
                call("git", command="status"),
                call("bash", command="wc -l shop/*.py | tail -1"),
            )
        ),
        call("bash", command="cat shop/cart.py | head -3"),
        call("write", path="report.md", content="It is wrong."),
        "say: The discount is taken as an amount, see shop/prices.py:7.",
    )
    played = await play(script, "why is the discount wrong? change nothing", None)
    ls, glob, grep, read, log, status, counted, head, written = played.answers
    assert "shop/" in ls.text
    assert sorted(glob.text.splitlines()) == [
        "shop/__init__.py",
        "shop/cart.py",
        "shop/prices.py",
        "test_shop.py",
    ]
    assert "shop/prices.py:7:" in grep.text
    assert "     7\t    return amount - discount" in read.text
    assert "Begin" in log.text
    assert status.text == "## main\n"
    assert (head.is_error, head.text.splitlines()[0]) == (False, "from shop.prices import cheapest, total")
    assert (counted.is_error, written.is_error) == (True, True)  # a pattern is the shell's; a file is new
    assert repository.tree() == SHOP
    assert repository.changed() == []


async def test_a_failed_edit_says_where_to_look_and_the_next_one_fits(
    repository: Repository, play: Play
) -> None:
    handlers = """\
def on_open(event):
    log("open")
    start(event)


def on_close(event):
    log("close")

    flush(event)
    stop(event)
"""
    repository.commit({"handlers.py": handlers})
    script = steps(
        call(
            "edit",
            path="handlers.py",
            old_text='    log("close")\n    flush(event)\n    stop(event)',
            new_text='    flush(event)\n    stop(event)\n    log("closed")',
        ),
        "say: It looks different now.\n"
        + call(
            "edit",
            path="handlers.py",
            old_text='    log("close")\n\n    flush(event)\n    stop(event)',
            new_text='    flush(event)\n    stop(event)\n    log("closed")',
        ),
        call("bash", command="python3 -m py_compile handlers.py && echo compiled"),
        "say: Done: {result}",
    )
    played = await play(script, "log the close at the end")
    refused, edited, compiled = played.answers
    assert "the nearest place is lines 6 to 10" in refused.text
    assert '     7\t    log("close")\n     8\t\n     9\t    flush(event)' in refused.text
    assert edited.text == "edited `handlers.py` at line 7"
    assert compiled.text == "compiled\n"
    assert played.failed == ["edit"]
    assert repository.tree() == {
        "handlers.py": handlers.replace('    log("close")\n\n', "").replace(
            "    stop(event)\n", '    stop(event)\n    log("closed")\n'
        )
    }


async def test_imperfect_edits_keep_how_the_files_are_written(repository: Repository, play: Play) -> None:
    main = "package main\r\n\r\nfunc main() {\r\n\tif ready() {\r\n\t\trun()\r\n\t}\r\n}\r\n"
    readme = "# Tool\n\nIt\u2019s small \u2014 and \u201cfast\u201d.  \nUse it.\n"
    repository.commit({"main.go": main, "README.md": readme})
    script = steps(
        "\n".join(
            (
                call(
                    "edit",
                    path="main.go",
                    old_text="    if ready() {\n        run()\n    }",
                    new_text="    if ready() {\n        prepare()\n        run()\n    }",
                ),
                call(
                    "edit",
                    path="README.md",
                    old_text='It\'s small - and "fast".\nUse it.',
                    new_text='It\'s small - and "very fast".\nUse it.',
                ),
            )
        ),
        "say: Done.",
    )
    played = await play(script, "prepare before running, and say so")
    assert played.failed == []
    assert "differs from `old_text` in indentation, and was kept so" in played.answers[0].text
    assert repository.tree() == {
        "main.go": main.replace("\t\trun()", "\t\tprepare()\r\n\t\trun()"),
        "README.md": readme.replace("fast", "very fast"),
    }


async def test_a_command_that_hangs_is_stopped_and_worked_around(repository: Repository, play: Play) -> None:
    server = "import time\n\nprint('serving', flush=True)\ntime.sleep(600)\n"
    repository.commit({"server.py": server, "check.py": "import ast\nast.parse(open('server.py').read())\n"})
    script = steps(
        call("bash", command="python3 server.py", timeout=0.5),
        call("bash", command="python3 check.py && echo fine"),
        "say: It runs until it is stopped; checked without running it: {result}",
    )
    played = await play(script, "does the server start?")
    hung, checked = played.answers
    assert "timed out after 0.5 s and was stopped; set `timeout`" in hung.text
    assert checked.text == "fine\n"
    assert played.result.text == "It runs until it is stopped; checked without running it: fine\n"
    assert repository.changed() == []


async def test_work_is_set_aside_looked_at_and_taken_up_again(repository: Repository, play: Play) -> None:
    repository.commit(SHOP)
    script = steps(
        call("edit", path="shop/cart.py", old_text="self.prices = []", new_text="self.prices = [0]"),
        call("git", command="stash", subcommand="push", message="an idea"),
        call("git", command="checkout", new_branch="mend"),
        call(
            "edit",
            path="shop/prices.py",
            old_text="amount - discount",
            new_text="amount * (100 - discount) / 100",
        ),
        call("bash", command=f"{TESTS} && git -c user.name=A -c user.email=a@b.invalid commit -qam Mend"),
        call("git", command="checkout", ref="main"),
        call("git", command="stash", subcommand="pop"),
        call("git", command="branch"),
        "say: {result}",
    )
    played = await play(script, "mend the discount on a branch of its own")
    assert played.failed == []
    assert repository.changed() == ["shop/cart.py"]
    cart = SHOP["shop/cart.py"].replace("self.prices = []", "self.prices = [0]")
    assert repository.tree() == {**SHOP, "shop/cart.py": cart}
    assert repository.git("log", "--format=%s", "mend").split() == ["Mend", "Begin"]
    assert repository.git("show", "mend:shop/prices.py") == FIXED["shop/prices.py"]
    assert "* main" in played.result.text


async def test_what_the_user_forbids_is_told_and_the_rest_is_done(repository: Repository, play: Play) -> None:
    repository.commit(SHOP)
    policy = PermissionPolicy(
        allow=["edit(shop/**)", "bash(python3:*)"],
        deny=["bash(git push:*)", "edit(test_*)", "bash(git checkout:*)"],
        default_decision="allow",
    )
    script = steps(
        "\n".join(
            (
                call("bash", command="git push origin main"),
                call("git", command="checkout", ref="main"),
                call("patch", path="test_shop.py", diff="@@\n-import unittest\n+import nothing\n"),
                call("edit", path="test_shop.py", old_text="180", new_text="190"),
            )
        ),
        call(
            "edit",
            path="shop/prices.py",
            old_text="amount - discount",
            new_text="amount * (100 - discount) / 100",
        ),
        call("bash", command=TESTS),
        "say: {result}",
    )
    played = await play(script, "make the tests pass, then push", policy)
    assert played.failed == ["bash", "git", "patch", "edit"]
    assert all("forbids" in answer.text for answer in played.answers[:4])
    assert repository.tree() == FIXED
