"""The `scope` block: six lists of entries."""

from __future__ import annotations

from collections.abc import Iterator

from yaml.nodes import MappingNode, Node

from fairwitness.errors import PolicyError
from fairwitness.model.policy import ScopeEntry
from fairwitness.model.verdict import Clause, ScopeList
from fairwitness.policy.blocks import Block, scalar
from fairwitness.policy.entries import ParsedEntry, parse_entry
from fairwitness.policy.known import KEYS
from fairwitness.policy.overlap import Overlaps
from fairwitness.policy.presets import presets
from fairwitness.policy.source import Source, quoted

_NO_PRESETS = {
    ScopeList.INCLUDE: "a preset is other people's hosts and never in scope",
    ScopeList.MINE: "a preset is other people's hosts, not yours",
}


def read_scope(block: Block) -> tuple[ScopeEntry, ...]:
    """All entries of all lists; a preset gives one for each of its lines.

    Raises:
        PolicyError: An entry is none, include is empty, or a scope host is in tunnel.
    """
    source = block.source
    placed: list[tuple[ScopeEntry, Node]] = []
    for scope_list in ScopeList:
        says = block.text("says") if scope_list is ScopeList.INCLUDE else None
        for place, node in enumerate(block.items(scope_list.value)):
            placed.extend((entry, node) for entry in _read_item(source, scope_list, place, node, says))
    entries = tuple(entry for entry, _ in placed)
    if not any(entry.scope_list is ScopeList.INCLUDE for entry in entries):
        place_node = block.key("include") if block.is_written("include") else block.node
        raise source.error(
            place_node,
            "scope.include is empty, so nothing may be tested",
            "List the hosts that the program names",
        )
    _refuse_scope_in_tunnel(source, entries, dict(zip(map(id, entries), placed, strict=True)))
    return entries


def _read_item(
    source: Source, scope_list: ScopeList, place: int, node: Node, says: str | None
) -> list[ScopeEntry]:
    name = f"scope.{scope_list.value}[{place}]"
    text_node = node
    if isinstance(node, MappingNode):
        block = Block(source, node, name=name, known=KEYS["scope entry"])
        block.needed("host")
        text_node, says = block.value("host"), block.text("says") or says
    parsed = _parse(source, text_node, scalar(source, text_node, name))
    clause = Clause(name, says, source.line(node))
    if parsed.preset is None:
        if parsed.path and scope_list is ScopeList.TUNNEL:
            raise source.error(
                text_node,
                "a tunnel is never decrypted, so its path cannot be compared",
                "Write the host alone",
            )
        return [parsed.on(scope_list, clause)]
    if scope_list in _NO_PRESETS:
        raise source.error(
            text_node, f"{name}: {_NO_PRESETS[scope_list]}", "Write it into load, tunnel or noise"
        )
    known = presets().get(parsed.preset)
    if known is None:
        raise source.error(
            text_node,
            f"there is no preset {quoted(parsed.preset)}",
            f"Write one of: {', '.join(presets())}",
        )
    return [entry.on(scope_list, clause, preset=known.name) for entry in known.entries]


def _parse(source: Source, node: Node, text: str) -> ParsedEntry:
    try:
        return parse_entry(text)
    except PolicyError as error:
        raise source.error(node, error.what, error.mend) from None


def _refuse_scope_in_tunnel(
    source: Source, entries: tuple[ScopeEntry, ...], placed: dict[int, tuple[ScopeEntry, Node]]
) -> None:
    included = [entry for entry in entries if entry.scope_list is ScopeList.INCLUDE]
    tunnels = [entry for entry in entries if entry.scope_list is ScopeList.TUNNEL]
    if not tunnels:
        return
    known = Overlaps(included)
    for tunnel in tunnels:
        for entry in _meeting(source, known, tunnel, placed[id(tunnel)][1]):
            through = f"preset:{tunnel.preset} holds {tunnel.text!r}" if tunnel.preset else repr(tunnel.text)
            raise source.error(
                placed[id(tunnel)][1],
                f"scope.tunnel: {through}, which is in scope ({entry.text!r}, {entry.clause.where}), "
                "and what is in scope must be on record",
                "Take it out of tunnel, or write the tunnel hosts out one by one",
            )


def _meeting(source: Source, known: Overlaps, tunnel: ScopeEntry, node: Node) -> Iterator[ScopeEntry]:
    try:
        yield from known.meeting(tunnel, ports=False)
    except PolicyError as error:
        raise source.error(node, f"scope: {error.what}", error.mend) from None
