# Reads the Markdown that the documents of this package are written in: for `nats::help` and tools/manual, which make other
# forms of it.

namespace eval ::nats::_markdown {}

# The blocks of a text, each a dict with its `type`:
#     heading    level, text, source (as it is written, without the number signs)
#     paragraph  text
#     item       depth (from 0), mark (- or a number with a dot), text
#     table      head, rows: lists of cells
#     code       language, text
# Texts are lists as `inline` gives them. Comments, pictures and definitions of links are left out. A part of a document may
# need the links of the whole.
proc ::nats::_markdown::blocks {text {links {}}} {
    variable Links
    set Links [expr {$links eq {} ? [links $text] : $links}]
    set blocks {}
    set open {}
    set code {}
    foreach line [split $text \n] {
        if {$code ne {}} {
            if {$line eq "```"} {
                lappend blocks $code
                set code {}
            } else {
                dict append code text $line\n
            }
            continue
        }
        set begun [Begun $line]
        if {$begun eq {}} {
            # The line goes on with what is open; without that it begins a paragraph.
            if {$open eq {}} { set open [dict create type paragraph text {}] }
            dict append open text " [string trim $line]"
            continue
        }
        if {[dict get $begun type] eq "row" && [dict exists $open rows]} {
            dict lappend open rows [dict get $begun cells]
            continue
        }
        Close blocks open
        switch [dict get $begun type] {
            nothing {}
            code { set code $begun }
            row { set open [dict create type table rows [list [dict get $begun cells]]] }
            default { set open $begun }
        }
    }
    Close blocks open
    return $blocks
}

# What labels of links stand for, as a dict.
proc ::nats::_markdown::links {text} {
    set links {}
    foreach {- label target} [regexp -all -inline -line {^\[([^\]]+)\]: +(\S+)} $text] { dict set links $label $target }
    return $links
}

# What a line begins: a block without its end; nothing if it begins none.
proc ::nats::_markdown::Begun {line} {
    if {[string trim $line] eq {} || [regexp {^(?:<!--.*-->|\[[^\]]+\]: +\S+|!\[.*\]\(.*\))$} $line]} {
        return {type nothing}
    } elseif {[regexp {^```(\w*)$} $line -> language]} {
        return [dict create type code language $language text {}]
    } elseif {[regexp {^(#+) +(.*)$} $line -> signs text]} {
        return [dict create type heading level [string length $signs] source $text text $text]
    } elseif {[string index $line 0] eq "|"} {
        return [dict create type row cells [Cells $line]]
    } elseif {[regexp {^( *)(-|\d+\.) +(.*)$} $line -> blanks mark text]} {
        return [dict create type item depth [expr {[string length $blanks] / 2}] mark $mark text $text]
    }
}

# Ends the block that is open.
proc ::nats::_markdown::Close {blocksVar openVar} {
    upvar 1 $blocksVar blocks $openVar open
    if {$open eq {}} return
    if {[dict get $open type] eq "table"} {
        set rows [lmap row [dict get $open rows] { lmap cell $row { inline $cell } }]
        # The second line of a table is its rule.
        lappend blocks [dict create type table head [lindex $rows 0] rows [lrange $rows 2 end]]
    } else {
        dict set open text [inline [string trim [dict get $open text]]]
        lappend blocks $open
    }
    set open {}
}

# The cells of a line of a table. A bar within a cell has a backslash.
proc ::nats::_markdown::Cells {line} {
    set inner [string map [list \\| \x01] [string trim [string trim $line] |]]
    lmap cell [split $inner |] { string trim [string map [list \x01 |] $cell] }
}

# A text as a list of pairs: plain, code or emphasis and the characters, strong and such a list, or link and {target list}.
proc ::nats::_markdown::inline {text} {
    set parts {}
    set plain {}
    while {$text ne {}} {
        lassign [Part $text] kind content length
        if {$kind eq "plain"} {
            append plain $content
        } else {
            if {$plain ne {}} { lappend parts plain $plain }
            set plain {}
            lappend parts $kind $content
        }
        set text [string range $text $length end]
    }
    if {$plain ne {}} { lappend parts plain $plain }
    return $parts
}

# What a text begins with: kind, content, and how many characters that are.
proc ::nats::_markdown::Part {text} {
    variable Links
    # A label may have a level of brackets in it.
    set label {\[((?:[^\[\]]|\[[^\]]*\])+)\]}
    if {[regexp {^[^\\`*!\[]+} $text all]} {
        return [list plain $all [string length $all]]
    } elseif {[regexp {^\\([[:punct:]])} $text all content]} {
        return [list plain $content 2]
    } elseif {[regexp {^`([^`]+)`} $text all content] || [regexp {^``(.+?)``} $text all content]} {
        return [list code $content [string length $all]]
    } elseif {[regexp {^\*\*(\S(?:.*?\S)??)\*\*} $text all content]} {
        return [list strong [inline $content] [string length $all]]
    } elseif {[regexp {^\*([^\s*](?:[^*]*[^\s*])?)\*} $text all content]} {
        return [list emphasis $content [string length $all]]
    } elseif {[regexp "^$label\\((\[^)\\s\]+)\\)" $text all content target]} {
        return [list link [list $target [inline $content]] [string length $all]]
    } elseif {[regexp "^$label\\\[(\[^\\\]\]+)\\\]" $text all content name] && [dict exists $Links $name]} {
        return [list link [list [dict get $Links $name] [inline $content]] [string length $all]]
    } elseif {[regexp "^$label" $text all content] && [dict exists $Links $content]} {
        return [list link [list [dict get $Links $content] [inline $content]] [string length $all]]
    }
    return [list plain [string index $text 0] 1]
}

# The characters of a text only.
proc ::nats::_markdown::plain {parts} {
    set text {}
    foreach {kind content} $parts {
        switch $kind {
            link { append text [plain [lindex $content 1]] }
            strong { append text [plain $content] }
            default { append text $content }
        }
    }
    return $text
}
