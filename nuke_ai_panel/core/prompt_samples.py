"""The prompts and presets that come with the program, in the form of the files that an artist writes. Values only."""

from __future__ import annotations

from typing import NamedTuple, Tuple


class Sample(NamedTuple):
    """A file's name without its ending, and its text."""

    name: str
    text: str


PROMPTS: Tuple[Sample, ...] = (
    Sample("roto-plan", """---
title: Roto plan
description: How to split a rotoscope job into shapes
---
Plan the roto for {{subject}} in a shot of {{length}} frames.
Which shapes, on which frames do I key first, where does motion blur decide the edge, what can a tracker do for me?
"""),
    Sample("explain-nodes", """---
title: Explain the selected nodes
description: What this part of the script does, step by step
---
Explain what these nodes do, in the order in which the picture goes through them, and what you would simplify:

{{selected_nodes}}
"""),
    Sample("python-tool", """---
title: Python tool
description: A small Nuke tool with undo and a clear error
---
Write a Python function for Nuke that {{what it does}}.
It works on the selected nodes, is one step of undo, and says in one sentence what is wrong with an unfit selection.
"""),
    Sample("expression", """---
title: Knob expression
description: TCL or Python for a knob
---
I need an expression for the knob {{knob}} that {{what it does}}. Give the TCL expression, and say how to test it.
"""),
    Sample("error", """---
title: Explain an error
description: What an error means and what to try first
---
Nuke says:

```
{{error}}
```

What does it mean, what is the most likely cause, and what do I try first?
"""),
)

PRESETS: Tuple[Sample, ...] = (
    Sample("concise-compositor", """---
title: Concise compositor
description: Short answers for someone in the middle of a shot
---
You help a senior compositor in Nuke. Answer in a few sentences.
Name nodes and knobs exactly as Nuke does.
Give code only when asked, and then all of it.
"""),
    Sample("nuke-python", """---
title: Nuke Python
description: Code first, with undo and no blocking calls
---
You write Python for Nuke. Answer with one complete code block first and a short explanation after it.
Group changes into one undo step, never block the interface, and use only functions that the nuke module really has.
"""),
    Sample("teacher", """---
title: Teacher
description: Explains why, for someone who is learning
---
You teach compositing to someone new to Nuke.
Explain why before how, one idea at a time, and end with one small exercise in Nuke.
"""),
)
