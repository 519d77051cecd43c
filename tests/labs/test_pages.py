"""From a notebook to a page: what MkDocs reads otherwise than notebooks do, and what the cells show."""

from __future__ import annotations

import nbformat

from docs.lab_pages import Page, filled_in, portable


def test_lists_and_formulas_get_empty_lines() -> None:
    assert portable("Three:\n- one\n- two\n1. three") == "Three:\n\n- one\n- two\n1. three"
    assert portable("So\n$$ a\n= b $$\nholds") == "So\n\n$$ a\n= b $$\n\nholds"
    assert portable("| a | b |\n|---|---|\n| - c | d |") == "| a | b |\n|---|---|\n| - c | d |"


def test_code_is_left_as_it_is() -> None:
    code = "```text\nsteps:\n- one\n$$ no formula $$\n```"
    assert portable(code) == code


def test_links_lead_to_pages() -> None:
    linked = "see [lab 0](lab0_from_layer_to_network.ipynb) and [that](lab9_of_nothing.ipynb)"
    assert portable(linked) == "see [lab 0](lab0_from_layer_to_network.md) and that"


def test_outputs_and_solutions() -> None:
    printed = nbformat.v4.new_output("stream", text="1 < 2\n")
    drawn = nbformat.v4.new_output("display_data", {"image/png": "iVBORw==", "text/plain": "<Figure>"})
    drawn.metadata["image/png"] = {"width": 300}
    cells = [
        nbformat.v4.new_markdown_cell("# Lab 3: Of things\n\nMore.", id="title"),
        nbformat.v4.new_code_cell("show()", id="show", outputs=[printed, printed, drawn]),
        nbformat.v4.new_markdown_cell("It is 2.", id="answer", metadata={"tags": ["solution"]}),
    ]
    page = Page("lab3_of_things", nbformat.v4.new_notebook(cells=cells))
    text = page.markdown()
    assert text.startswith("# Lab 3: Of things\n\nThis page is a notebook: `deltarule labs 3`")
    assert "```python\nshow()\n```" in text
    assert text.endswith("/// details | Solution\n    type: success\n\nIt is 2.\n\n///")
    (file,) = page.pictures
    assert page.pictures[file] == b"\x89PNG"
    html = filled_in("".join(f"<p>@@output {key}@@</p>" for key in page.outputs), page.outputs)
    assert "<pre>1 &lt; 2\n1 &lt; 2\n</pre>" in html
    assert f'<img src="{file}" alt="&lt;Figure&gt;" width="300">' in html
