"""researcher.yaml and accounts.yaml: what is the researcher's own, and never part of a policy."""

from __future__ import annotations

import yaml

from fairwitness.errors import PolicyError
from fairwitness.model.account import (
    MAX_ACCOUNT_NAME,
    MAX_IDENTITY,
    Account,
    Researcher,
    plain_identity,
)
from fairwitness.policy.blocks import Block
from fairwitness.policy.source import Source, quoted

MAX_PERSONAL_BYTES = 1 << 20  # 1 MiB: far more than anybody has accounts
MAX_ACCOUNTS = 1000


def read_accounts(raw: bytes, *, path: str) -> tuple[Account, ...]:
    """The accounts in an accounts.yaml; none in an empty one.

    Raises:
        PolicyError: It is broken, or one name or identity stands twice.
    """
    if not raw.strip():
        return ()
    source = _source(raw, path=path, kind="accounts.yaml")
    top = Block(source, source.root, name="", known=("accounts",))
    accounts: list[Account] = []
    owners: dict[str, str] = {}
    items = top.items("accounts")
    if len(items) > MAX_ACCOUNTS:
        raise source.error(items[MAX_ACCOUNTS], f"there are more than {MAX_ACCOUNTS} accounts", "Delete some")
    for place, node in enumerate(items):
        block = Block(source, node, name=f"accounts[{place}]", known=("name", "identities"))
        account = Account(block.needed("name"), block.texts("identities"))
        _check(source, block, account)
        if any(each.name == account.name for each in accounts):
            raise source.error(
                block.value("name"),
                f"two accounts are called {quoted(account.name)}",
                "Give each a name of its own",
            )
        for identity in account.identities:
            owner = owners.setdefault(plain_identity(identity), account.name)
            if owner != account.name:
                raise source.error(
                    block.value("identities"),
                    f"{quoted(identity)} belongs to two accounts",
                    f"Leave it with {quoted(owner)} or with {quoted(account.name)}",
                )
        accounts.append(account)
    return tuple(accounts)


def read_researcher(raw: bytes, *, path: str) -> Researcher:
    """Who tests, as a researcher.yaml says; nobody in an empty one.

    Raises:
        PolicyError: It is broken.
    """
    if not raw.strip():
        return Researcher(None, None)
    source = _source(raw, path=path, kind="researcher.yaml")
    top = Block(source, source.root, name="", known=("handle", "contact"))
    return Researcher(top.text("handle"), top.text("contact"))


def accounts_text(accounts: tuple[Account, ...]) -> bytes:
    """As accounts.yaml holds them."""
    lines = ["# Your own accounts at this program.  Stays on this machine: never exported, not in the log.\n"]
    lines.append("accounts:\n" if accounts else "accounts: []\n")
    for account in accounts:
        identities = ", ".join(map(_quoted, account.identities))
        lines.append(f"  - {{name: {_quoted(account.name)}, identities: [{identities}]}}\n")
    return "".join(lines).encode()


def researcher_text(researcher: Researcher) -> bytes:
    """As researcher.yaml holds it."""
    lines = ["# Who you are.  Stays on this machine: never exported, not in the log.\n"]
    for name, value in (("handle", researcher.handle), ("contact", researcher.contact)):
        lines.append(f"{name}: {'null' if value is None else _quoted(value)}\n")
    return "".join(lines).encode()


def _source(raw: bytes, *, path: str, kind: str) -> Source:
    if len(raw) > MAX_PERSONAL_BYTES:
        raise PolicyError("the file is larger than 1 MiB", where=path, mend="Delete what is not needed")
    return Source(raw, path=path, kind=kind)


def _check(source: Source, block: Block, account: Account) -> None:
    if len(account.name) > MAX_ACCOUNT_NAME or not account.name.isprintable():
        raise source.error(
            block.value("name"),
            f"the name {quoted(account.name)} is too long, or cannot be shown",
            f"Use at most {MAX_ACCOUNT_NAME} characters that can be seen",
        )
    for node, identity in zip(block.items("identities"), account.identities, strict=True):
        if not identity or len(identity) > MAX_IDENTITY or not identity.isprintable():
            raise source.error(
                node,
                f"the identity {quoted(identity)} is empty, too long, or cannot be shown",
                f"Use at most {MAX_IDENTITY} characters that can be seen",
            )


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', width=10**6).strip()
