# A text with scrollbars, to read or to edit.

proc ::nats::browser::Text_pane {path args} {
    ttk::frame $path
    text $path.text -font NatsBrowserFixed -wrap none -undo 1 -width 40 -height 8 -relief flat -borderwidth 0 \
        -highlightthickness 1 -highlightbackground [Color border] -highlightcolor [Color accent] \
        -background [Color field] -foreground [Color text] -insertbackground [Color text] \
        -selectbackground [Color select] -selectforeground [Color text] \
        -padx [Gap 1.5] -pady [Gap] -yscrollcommand [list ::nats::browser::Set_bar $path.y] \
        -xscrollcommand [list ::nats::browser::Set_bar $path.x] {*}$args
    ttk::scrollbar $path.y -orient vertical -command [list $path.text yview]
    ttk::scrollbar $path.x -orient horizontal -command [list $path.text xview]
    grid $path.text -row 0 -column 0 -sticky nsew
    grid $path.y -row 0 -column 1 -sticky ns
    grid $path.x -row 1 -column 0 -sticky ew
    grid columnconfigure $path 0 -weight 1
    grid rowconfigure $path 0 -weight 1
    $path.text tag configure removed -background [Color gone2]
    $path.text tag configure added -background [Color new2]
    $path.text tag configure muted -foreground [Color muted]
    $path.text tag configure name -foreground [Color accent]
    $path.text tag configure string -foreground #0a3069
    # Tab leaves the text, as any other widget; Control-Tab makes a tab.
    bind $path.text <Tab> {focus [tk_focusNext %W]; break}
    bind $path.text <Shift-Tab> {focus [tk_focusPrev %W]; break}
    catch {bind $path.text <ISO_Left_Tab> {focus [tk_focusPrev %W]; break}}
    bind $path.text <Control-Tab> {if {[%W cget -state] eq "normal"} {%W insert insert \t}; break}
    Shortcuts_first $path.text
    return $path
}

# The window's shortcuts count before those that Tk's texts and fields have, such as Control-n for the next line.
proc ::nats::browser::Shortcuts_first {widget} {
    bindtags $widget [list $widget [winfo toplevel $widget] [winfo class $widget] all]
}

# A scrollbar that is there only when there is something to scroll.
proc ::nats::browser::Set_bar {bar first last} {
    $bar set $first $last
    set needed [expr {$first > 0 || $last < 1}]
    if {$needed && ![winfo ismapped $bar]} { grid $bar }
    if {!$needed && [winfo ismapped $bar]} { grid remove $bar }
}

# Puts a text into a pane. A pane that is only read keeps its place if it can.
proc ::nats::browser::Fill_text {pane content state} {
    set text $pane.text
    set place [lindex [$text yview] 0]
    $text configure -state normal
    $text delete 1.0 end
    $text insert end $content
    $text edit reset
    $text edit modified 0
    $text configure -state $state
    $text yview moveto $place
}

# Colours for JSON; only of texts that aren't long.
proc ::nats::browser::Color_json {pane} {
    set text $pane.text
    set content [$text get 1.0 end-1c]
    if {[string length $content] > 60000} return
    foreach tag {name string} { $text tag remove $tag 1.0 end }
    foreach {all quoted colon} [regexp -all -inline -indices {("(?:[^"\\]|\\.)*")(\s*:)?} $content] {
        lassign $quoted from to
        $text tag add [expr {[lindex $colon 0] >= 0 ? "name" : "string"}] "1.0 + $from chars" "1.0 + [expr {$to + 1}] chars"
    }
}

# Two texts as one, with what is different.
proc ::nats::browser::Fill_diff {pane old new} {
    set text $pane.text
    $text configure -state normal
    $text delete 1.0 end
    foreach pair [Diff $old $new] {
        lassign $pair sign line
        $text insert end "$sign $line\n" [dict get {- removed + added { } {}} $sign]
    }
    $text delete end-1c
    $text configure -state disabled
}
