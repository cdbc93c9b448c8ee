# Two have changed one key: both versions, side by side, and what may be done.

proc ::nats::browser::Show_conflict {parent key base theirs their_bytes my_bytes overwrite reload} {
    set path [winfo toplevel $parent].conflict
    set body [Dialog $path "Conflict"]
    ttk::label $body.title -style NatsTitle.TLabel -text "\u201c$key\u201d was changed by somebody else"
    ttk::label $body.text -style NatsMuted.TLabel -text [expr {$base
        ? "You have edited revision $base. It is not the latest one any more, so nothing was stored."
        : "You have created a key that exists by now, so nothing was stored."}]
    ttk::label $body.theirs_label -style NatsBold.TLabel -text [expr {$theirs eq {} ? "Theirs: deleted"
        : "Theirs: revision [dict get $theirs revision], [Age [dict get $theirs created]] ago"}]
    ttk::label $body.mine_label -style NatsBold.TLabel -text "Yours"
    Text_pane $body.theirs -width 44 -height 16
    Text_pane $body.mine -width 44 -height 16
    Fill_sides $body.theirs $body.mine [Readable $their_bytes] [Readable $my_bytes]
    grid $body.title - -sticky w
    grid $body.text - -sticky w -pady [list [Gap] [Gap 3]]
    grid $body.theirs_label $body.mine_label -sticky w -pady [list 0 [Gap]]
    grid $body.theirs $body.mine -sticky nsew
    grid configure $body.mine $body.mine_label -padx [list [Gap 3] 0]
    grid columnconfigure $body {0 1} -weight 1 -uniform side
    grid rowconfigure $body 3 -weight 1
    Dialog_button $path mine "Overwrite with yours" "destroy $path; $overwrite" Danger.TButton
    Dialog_button $path theirs "Take theirs" "destroy $path; $reload"
    Dialog_button $path edit "Go on editing" [list destroy $path]
    Dialog_show $path $path.buttons.edit
}

# Each side with its own lines coloured, and blank lines where the other one has more.
proc ::nats::browser::Fill_sides {left right old new} {
    foreach pane [list $left $right] { $pane.text configure -state normal }
    foreach pair [Diff $old $new] {
        lassign $pair sign line
        switch -- $sign {
            - { $left.text insert end $line\n removed }
            + { $right.text insert end $line\n added }
            default {
                Align_sides $left.text $right.text
                foreach pane [list $left $right] { $pane.text insert end $line\n }
            }
        }
    }
    foreach pane [list $left $right] {
        $pane.text delete end-1c
        $pane.text configure -state disabled
    }
}

proc ::nats::browser::Align_sides {left right} {
    set lines [lmap text [list $left $right] { lindex [split [$text index end] .] 0 }]
    lassign $lines a b
    if {$a < $b} { $left insert end [string repeat \n [expr {$b - $a}]] }
    if {$b < $a} { $right insert end [string repeat \n [expr {$a - $b}]] }
}
