# Manual pages of Markdown: the blocks of tcl/markdown.tcl as roff, with the macros of man(7).
#
# A page is ASCII only, so that every man can show it. Tables of two columns, and those of options, become lists of tagged
# paragraphs, as Tcl's own pages have them; others are for tbl, with lines that fit 80 columns.

namespace eval roff {
    # How wide a table may be.
    variable Width 70
    # Document -> page, for links from one to the other.
    variable Pages {}
    # Addresses that this page has told already.
    variable Told {}
    # In the cells of a table there is no room to tell where links lead.
    variable Is_cell 0
}

# Blocks as roff. `pages` is a dict, document to page; `own` are the documents of this page.
proc roff::page {blocks pages own} {
    variable Pages [dict remove $pages {*}$own]
    variable Told {}
    set lines {}
    set in_synopsis 0
    set depth -1
    foreach block $blocks {
        set type [dict get $block type]
        if {$type ne "item" || $in_synopsis} { lappend lines {*}[Outdent depth] }
        if {$type eq "heading"} { set in_synopsis [string match -nocase synopsis [dict get $block source]] }
        if {$in_synopsis && $type eq "item"} {
            lappend lines {*}[Call [dict get $block text]]
        } elseif {$type eq "item"} {
            lappend lines {*}[Item $block depth]
        } else {
            lappend lines {*}[[string totitle $type] $block]
        }
    }
    lappend lines {*}[Outdent depth]
    # A heading has its own space.
    set kept {}
    foreach line $lines {
        if {$line in {.PP .br} && [string match .S\[HS\]* [lindex $kept end]]} continue
        lappend kept $line
    }
    return [join $kept \n]\n
}

# ---- blocks, each as a list of lines

proc roff::Heading {block} {
    set text [::nats::_markdown::plain [dict get $block text]]
    switch [dict get $block level] {
        2 { return [list ".SH [Argument [string toupper $text]]"] }
        3 { return [list ".SS [Argument $text]"] }
        default { return [list .PP [Bold $text]] }
    }
}

proc roff::Paragraph {block} {
    return [list .PP {*}[Fill [Text [dict get $block text]]]]
}

# A line of a synopsis: what is to be typed as it stands is bold.
proc roff::Call {parts} {
    set line {}
    foreach {kind content} $parts {
        switch $kind {
            link { append line [Calls [lindex $content 1]] }
            default { append line [Calls [list $kind $content]] }
        }
    }
    return [list .br {*}[Fill $line]]
}

proc roff::Calls {parts} {
    set line {}
    foreach {kind content} $parts {
        if {$kind ne "plain"} {
            append line [Text [list $kind $content]]
            continue
        }
        foreach {- other word} [regexp -all -inline {([^\w:-]*)([\w:-]*)} $content] {
            append line [Escape $other] [expr {$word eq {} ? {} : [Bold $word]}]
        }
    }
    return $line
}

# An item of a list. What is deeper is set in.
proc roff::Item {block depthVar} {
    upvar 1 $depthVar depth
    set mark [dict get $block mark]
    set lines {}
    if {$depth < 0} { set depth 0 }
    while {$depth < [dict get $block depth]} { lappend lines ".RS 2"; incr depth }
    while {$depth > [dict get $block depth]} { lappend lines .RE; incr depth -1 }
    lappend lines [expr {$mark eq "-" ? ".IP \\(bu 2" : ".IP $mark 3"}]
    return [concat $lines [Fill [Text [dict get $block text]]]]
}

# Ends a list.
proc roff::Outdent {depthVar} {
    upvar 1 $depthVar depth
    set lines [lrepeat [expr {max(0, $depth)}] .RE]
    set depth -1
    return $lines
}

proc roff::Code {block} {
    set lines [split [string trimright [dict get $block text] \n] \n]
    return [list .PP ".RS 2" .EX {*}[lmap line $lines { Guard [Literal $line] }] .EE .RE]
}

proc roff::Table {block} {
    set head [dict get $block head]
    set rows [dict get $block rows]
    set terms [lmap row $rows { ::nats::_markdown::plain [lindex $row 0] }]
    if {[llength $head] == 2} { return [Tagged $rows] }
    if {[lsearch -not -glob $terms -*] < 0} { return [Tagged [Rolled $head $rows]] }
    # Columns of a few words each are hard to read.
    foreach width [Widths [list $head {*}$rows]] {
        if {$width ne {} && $width < 20} { return [Tagged [Labelled $head $rows]] }
    }
    return [Columns $head $rows]
}

# Rows of two cells: a term, and what it means.
proc roff::Tagged {rows} {
    set lines {}
    foreach row $rows {
        lassign $row term meaning
        # An empty line would end the term.
        set tag [expr {$term eq {} ? "\\&" : [Guard [Text $term]]}]
        lappend lines .TP $tag {*}[Fill [expr {$meaning eq {} ? "\\&" : [Text $meaning]}]]
    }
    return $lines
}

# A table of options with columns for type and default: these go to the term, the others are the meaning.
proc roff::Rolled {head rows} {
    set names [lmap cell $head { ::nats::_markdown::plain $cell }]
    lmap row $rows {
        set term [lindex $row 0]
        set meaning {}
        foreach name [lrange $names 1 end] cell [lrange $row 1 end] {
            if {$cell eq {}} continue
            switch $name {
                Type { lappend term plain " " emphasis [::nats::_markdown::plain $cell] }
                Default { lappend term plain " (default: " {*}$cell plain ")" }
                default { if {$meaning ne {}} { lappend meaning plain "; " }; lappend meaning {*}$cell }
            }
        }
        list $term $meaning
    }
}

# Rows with the heads of their columns: the first cell is the term.
proc roff::Labelled {head rows} {
    lmap row $rows {
        set meaning {}
        foreach name [lrange $head 1 end] cell [lrange $row 1 end] {
            if {$cell eq {}} continue
            if {$meaning ne {}} { lappend meaning plain "; " }
            lappend meaning {*}[expr {$name eq {} ? {} : [list {*}[Italic $name] plain ": "]}] {*}$cell
        }
        list [lindex $row 0] $meaning
    }
}

proc roff::Italic {parts} {
    return [list emphasis [::nats::_markdown::plain $parts]]
}

# A table for tbl. Columns that are too wide are broken into lines.
proc roff::Columns {head rows} {
    variable Is_cell 1
    try { return [Set_in_columns $head $rows] } finally { set Is_cell 0 }
}

proc roff::Set_in_columns {head rows} {
    set widths [Widths [list $head {*}$rows]]
    set format [lmap width $widths { expr {$width eq {} ? "l" : "lw(${width}n)"} }]
    set lines [list .PP .TS "allbox tab(\t);" [join [lmap column $format { string cat lB [string range $column 1 end] }] " "]]
    lappend lines "[join $format { }]."
    foreach row [list $head {*}$rows] {
        set cells {}
        foreach cell $row width $widths {
            set text [Text $cell]
            if {$width ne {} && $text ne {}} {
                lappend cells "T\{\n[join [Fill $text] \n]\nT\}"
            } else {
                lappend cells [Guard $text]
            }
        }
        lappend lines {*}[split [join $cells \t] \n]
    }
    return [concat $lines .TE .sp]
}

# For each column the width to which it is to be broken; nothing where it is narrow enough.
proc roff::Widths {rows} {
    variable Width
    set natural [Longest $rows {cell { string length $cell }}]
    set words [Longest $rows {cell { tcl::mathfunc::max 0 {*}[lmap word [split $cell] { string length $word }] }}]
    set room [expr {$Width - 3 * [llength $natural]}]
    # Narrow columns stay, and no word is broken; the others share what is left.
    set widths [lrepeat [llength $natural] {}]
    set open [lsearch -all $natural *]
    while {$open ne {}} {
        set share [expr {$room / [llength $open]}]
        set rest {}
        foreach column $open {
            if {[lindex $natural $column] <= $share} {
                incr room -[lindex $natural $column]
            } elseif {[lindex $words $column] > $share} {
                lset widths $column [lindex $words $column]
                incr room -[lindex $words $column]
            } else {
                lappend rest $column
            }
        }
        if {[llength $rest] == [llength $open]} break
        set open $rest
    }
    foreach column $open { lset widths $column $share }
    return $widths
}

# For each column the most of what a lambda says of the texts of its cells.
proc roff::Longest {rows lambda} {
    set longest {}
    foreach row $rows {
        set column -1
        foreach cell $row {
            set length [apply $lambda [::nats::_markdown::plain $cell]]
            if {[incr column] == [llength $longest]} {
                lappend longest $length
            } elseif {$length > [lindex $longest $column]} {
                lset longest $column $length
            }
        }
    }
    return $longest
}

# ---- texts

proc roff::Text {parts} {
    set text {}
    foreach {kind content} $parts {
        switch $kind {
            plain { append text [Escape $content] }
            code { append text [Bold $content] }
            emphasis { append text "\\fI[Literal $content]\\fR" }
            strong { append text "\\fB[Escape [::nats::_markdown::plain $content]]\\fR" }
            link { append text [Link {*}$content] }
        }
    }
    return $text
}

# A link as its text, and where it leads: another page, or an address that was not told yet.
proc roff::Link {target parts} {
    variable Pages
    variable Told
    variable Is_cell
    set text [Text $parts]
    if {$Is_cell} { return $text }
    set document [file tail [lindex [split $target #] 0]]
    if {[dict exists $Pages $document]} {
        set page [Page [dict get $Pages $document]]
        return [expr {[::nats::_markdown::plain $parts] eq $document ? $page : "$text ($page)"}]
    }
    if {![regexp {^https?:} $target] || $target in $Told} { return $text }
    lappend Told $target
    return "$text <[string map {/ /\\:} [Literal $target]]>"
}

# A page's name as pages are referred to: {nats_server n}.
proc roff::Page {page} {
    lassign $page name section
    return "[Bold $name]($section)"
}

proc roff::Bold {text} {
    return "\\fB[Literal $text]\\fR"
}

# Characters that are not typed: a hyphen may break a line.
proc roff::Escape {text} {
    return [Ascii [string map {\\ \\(rs ` \\(ga ^ \\(ha ~ \\(ti} $text]]
}

# Characters as they are typed: they can be copied from the page.
proc roff::Literal {text} {
    return [Ascii [string map {\\ \\(rs ` \\(ga ^ \\(ha ~ \\(ti - \\- ' \\(aq} $text]]
}

# An argument of a macro.
proc roff::Argument {text} {
    return "\"[string map {\" \\(dq} [Literal $text]]\""
}

proc roff::Ascii {text} {
    if {[string is ascii $text]} { return $text }
    set ascii {}
    foreach character [split $text {}] {
        append ascii [expr {[string is ascii $character] ? $character : [format {\[u%04X]} [scan $character %c]]}]
    }
    return $ascii
}

# A line that is no request, whatever it begins with.
proc roff::Guard {line} {
    return [expr {[string index $line 0] in {. '} ? "\\&$line" : $line}]
}

# A text in lines, each sentence beginning with one.
proc roff::Fill {text} {
    set lines {}
    set line {}
    set bold 0
    foreach word [regexp -all -inline {\S+} $text] {
        # Words of a program are not hyphenated.
        if {$bold || [string match {*\\fB*} $word]} { set word \\%$word }
        foreach {- font} [regexp -all -inline {\\f([BIR])} $word] { set bold [string equal $font B] }
        if {$line ne {} && [string length $line] + [string length $word] > 78} {
            lappend lines [Guard $line]
            set line {}
        }
        append line [expr {$line eq {} ? {} : { }}] $word
        if {[regexp {[[:alnum:])]\.\)?$} $word]} {
            lappend lines [Guard $line]
            set line {}
        }
    }
    if {$line ne {}} { lappend lines [Guard $line] }
    return $lines
}
