"""Every command in README.md and docs/ is run: one test a page, its blocks in order, as a reader would paste them.

How a page is written, so that it can be run:

bash                    is pasted into the page's first terminal: a bash that starts in the folder of the project.
bash terminal=NAME      is pasted into another terminal, opened when it is first named. Nothing waits for the command
                        to end: it may serve, follow a stream, or be a program that takes what is typed. A block
                        of `^C` alone is that key.
text, json              shows the answer to the commands before it, and is compared with their whole output.
text terminal=NAME      must appear in that terminal, after what was compared there before.
LANGUAGE file=PATH      is a file that the page tells to write, relative to where the first terminal is.
(no language)           is a drawing, and is left alone.

In answers, `…` stands for the rest of a line or a part of it; alone on a line, for any number of lines. In JSON, a
string `"…"` stands for any value, a member `"…": "…"` for further members, and a last element `"…"` for further
elements.

`<!-- needs: docker jq -->` on a page names what the machine must have; without it the page's test is skipped, or fails
where TENURE_TEST_REQUIRE names it. `<!-- not run: REASON -->` right before a block leaves that block out: there are
few, and a test counts them.

A page has a HOME, a tmux server and ports of its own: each port that a page writes after `127.0.0.1:` or `localhost:`
is replaced throughout that page by a free one. What else runs on the machine is not touched.
"""
