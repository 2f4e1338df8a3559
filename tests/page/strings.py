"""Strings that try to become more than text on a page."""

from __future__ import annotations

from typing import Final

_CALLS: Final = (
    "alert(1)", "window.__ran=1", "fetch('/steal')", "eval('window.__ran=1')", "import('data:text/javascript,window.__ran=1')",
)  # fmt: skip
_MARKUP: Final = (
    "<script>{}</script>", "<SCRIPT>{}</SCRIPT>", "<scr<script>ipt>{}</scr</script>ipt>", "<img src=x onerror={}>",
    '<img src=x onerror="{}">', "<svg onload={}>", "<svg/onload={}>", "<svg><script>{}</script></svg>",
    "<svg><animate onbegin={} attributeName=x dur=1s>", '<iframe src="javascript:{}">', '<iframe srcdoc="<script>{}</script>">',
    "<body onload={}>", "<details open ontoggle={}>x</details>", "<input autofocus onfocus={}>", "<video><source onerror={}>",
    "<audio src=x onerror={}>", "<marquee onstart={}>", "<math><mtext><script>{}</script></mtext></math>",
    '<a href="javascript:{}">x</a>', '<form action="javascript:{}"><button>x', '<object data="javascript:{}">',
    '<embed src="javascript:{}">', '<base href="javascript:{}//">', '<link rel=stylesheet href="javascript:{}">',
    '<meta http-equiv=refresh content="0;url=javascript:{}">', "<style>@import 'javascript:{}'</style>",
    '"><script>{}</script>', "'><script>{}</script>", '" autofocus onfocus="{}', "' onmouseover='{}", "` onclick=`{}",
    "--><script>{}</script>", "]]><script>{}</script>", "</title><script>{}</script>", "</textarea><script>{}</script>",
    "</style><script>{}</script>", "</script><script>{}</script>", "<!--<script>{}</script>-->", "<template><script>{}</script></template>",
    "javascript:{}", "data:text/html,<script>{}</script>", "${{{}}}", "{{{{{}}}}}", "{{{{constructor.constructor('{}')()}}}}",
    "\\u003cscript\\u003e{}\\u003c/script\\u003e", "&lt;script&gt;{}&lt;/script&gt;", "&#60;script&#62;{}&#60;/script&#62;",
    "%3Cscript%3E{}%3C/script%3E", "<\x00script>{}</script>", "\u202e<script>{}</script>", "<script\x0c>{}</script>", "＜script＞{}＜/script＞",
    "\ndata: {{}}\n\nevent: page\ndata: <script>{}</script>", "__proto__", "constructor", "toString",
)  # fmt: skip

STRINGS: Final = tuple(
    dict.fromkeys(
        [pattern.format(_CALLS[0]) for pattern in _MARKUP]
        + [pattern.format(_CALLS[1 + index % 4]) for index, pattern in enumerate(_MARKUP)]
    )
)
