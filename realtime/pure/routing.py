"""What one run of a stream does to the views: each changed row looked up by what it is and what it was."""

from dataclasses import dataclass, field

from realtime.pure.changes import RowKey
from realtime.pure.filters import Index
from realtime.pure.gaps import Run
from realtime.pure.materialised import MaterialisedView


@dataclass(slots=True)
class Routed:
    """What a run touched, views in the order in which it touched them first."""

    touched: dict[MaterialisedView, None] = field(default_factory=dict)
    lost: dict[MaterialisedView, None] = field(default_factory=dict)
    """Views in which a transaction left no row that the permission rests on."""
    reset_kinds: set[str] = field(default_factory=set)


def route(run: Run, index: Index[MaterialisedView]) -> Routed:
    """Stage each changed row in the views that select it now, and its removal in those that did before."""
    routed = Routed()
    touched, find = routed.touched, index.find
    suspects: dict[MaterialisedView, None] = {}
    for change in run.changes:
        if change.reset:
            routed.reset_kinds.add(change.kind)
        after, before = find(change.kind, change.new), find(change.kind, change.old)
        if after or before:
            key = RowKey(change.kind, change.key)
            for view in after:
                view.stage(key, change.new, change.position)
                touched[view] = None
            if before is not after:
                for view in before:
                    if view not in after:
                        view.stage(key, None, change.position)
                        touched[view] = None
                        if view.anchorless:
                            suspects[view] = None
        if suspects and change.ends:
            routed.lost.update((view, None) for view in suspects if view.anchorless)
            suspects.clear()
    return routed
