# What a program prints for --help becomes a manual page (man(7) macros), so that the two cannot differ.
#
#   PROGRAM --help | awk -v page=waldrill-run -v version=0.1.0 -v summary='play scenarios' -f manual.awk
#
# Our help texts are: "usage:" lines (or, after a first line "name - summary", indented ones), paragraphs, and blocks.
# A block that is two columns wide becomes a list; under a line "examples", or when it has one column, it stays as it is.
# Some words alone on a line are headings, and a short line that ends with a colon is one over an example.

function plain(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/`/, "\\(ga", text)
    gsub(/'/, "\\(aq", text)
    return text
}

function put(text) {
    text = plain(text)
    print (text ~ /^[.]/ ? "\\&" : "") text
}

function heading(text) {
    close_block()
    print ".SH " toupper(text)
    section = text
    after_heading = 1
}

function close_block() {
    if (verbatim) {
        print ".fi"
        print ".RE"
    }
    verbatim = 0
    item = 0
}

function open_verbatim() {
    if (!verbatim) {
        print ".PP"
        print ".RS 2"
        print ".nf"
    }
    verbatim = 1
}

function begin_text() {
    close_block()
    if (section == "" || section == "synopsis") {
        heading("description")
    } else if (blank && !after_heading) {
        print ".PP"
    }
    after_heading = 0
}

BEGIN {
    split(page, parts, "-")
    print ".TH " toupper(plain(page)) " 1 \"\" \"" parts[1] " " version "\" \"waldrill manual\""
    print ".SH NAME"
    print plain(page) " \\- " plain(summary)
}

# The first line of walproxy and mockchroma repeats the name.
NR == 1 && / - / { next }

/^$/ {
    blank = 1
    if (section == "synopsis") {
        section = ""
    }
    usage = 0
    next
}

/^usage: / {
    if (section != "synopsis") {
        heading("synopsis")
        open_verbatim()
    }
    sub(/^usage: /, "")
    put($0)
    usage = 1
    blank = 0
    next
}

usage {
    sub(/^       /, "")
    put($0)
    next
}

/^exit status: / {
    heading("exit status")
    after_heading = 0
    sub(/^exit status: /, "")
    put($0)
    joined = 1
    blank = 0
    next
}

/^[^ ]/ {
    joined = 0
    if ($0 ~ /^(examples?|start here|commands|options.*|exit status):?$/) {
        sub(/:$/, "")
        heading($0)
    } else if ($0 ~ /:$/ && length($0) < 60) {
        close_block()
        print ".SS " plain(substr($0, 1, length($0) - 1))
        section = "examples" # "the primary's machine needs a new disk:"
    } else {
        begin_text()
        put($0)
    }
    blank = 0
    next
}

joined {
    sub(/^ +/, "")
    put($0)
    next
}

NR <= 4 && section == "" {
    heading("synopsis")
}

section ~ /^(examples?|synopsis|start here)$/ {
    after_heading = 0
    open_verbatim()
    sub(/^  /, "")
    put($0)
    blank = 0
    next
}

# Two columns: a list.
/^  [^ ]/ && ($0 ~ /^  .*[^ ]  +[^ ]/ || $0 ~ /^  --?[a-z]/) {
    if (verbatim) {
        close_block()
    }
    line = substr($0, 3)
    text = ""
    if (match(line, /   *[^ ]/)) {
        text = substr(line, RSTART + RLENGTH - 1)
        line = substr(line, 1, RSTART - 1)
    }
    if (section == "" || section == "synopsis" || (section == "description" && line ~ /^-/)) {
        heading(line ~ /^-/ ? "options" : "commands")
    }
    after_heading = 0
    print ".TP"
    print ".B " plain(line)
    if (text != "") {
        put(text)
    }
    item = 1
    blank = 0
    next
}

item && /^     / {
    if (page == "walproxy") {
        print ".br" # what may be given, and the default
    }
    sub(/^ +/, "")
    put($0)
    next
}

{
    if (section == "" || section == "synopsis") {
        heading("description")
    }
    after_heading = 0
    if (item) {
        close_block()
    }
    open_verbatim()
    sub(/^  /, "")
    put($0)
    blank = 0
}

END { close_block() }
