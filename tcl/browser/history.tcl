# The revisions of a key, what is different between two of them, and going back to one.

oo::class create ::nats::browser::History {
    superclass ::nats::browser::Part
    variable Path Session Kv Key Entries Request

    constructor {path session kv} {
        next $session
        set Path $path
        set Session $session
        set Kv $kv
        lassign {{} {} 0} Key Entries Request
        ttk::panedwindow $path -orient horizontal
        ttk::frame $path.left
        ttk::treeview $path.left.list -style Nats.Treeview -columns {operation size stored} -selectmode extended -height 5
        foreach {column title width anchor} {#0 Revision 12 w operation Operation 10 w size Size 9 e stored Stored 20 w} {
            $path.left.list heading $column -text $title -anchor $anchor
            $path.left.list column $column -width [Em $width] -anchor $anchor -stretch [expr {$column eq "stored"}]
        }
        ttk::scrollbar $path.left.bar -orient vertical -command [list $path.left.list yview]
        $path.left.list configure -yscrollcommand [list ::nats::browser::Set_bar $path.left.bar]
        ttk::button $path.left.revert -text "Revert to this revision" -command [my on revert]
        grid $path.left.list $path.left.bar -sticky nsew
        grid $path.left.revert - -sticky w -pady [list [Gap 2] 0]
        grid columnconfigure $path.left 0 -weight 1
        grid rowconfigure $path.left 0 -weight 1
        ttk::frame $path.right
        ttk::label $path.right.title -style NatsMuted.TLabel -text "Select one revision, or two."
        Text_pane $path.right.diff
        pack $path.right.title -anchor w -pady [list 0 [Gap]]
        pack $path.right.diff -fill both -expand 1
        $path add $path.left -weight 2
        $path add $path.right -weight 3
        bind $path.left.list <<TreeviewSelect>> [list [self] compare]
        bind $path.left.list <Return> [my on revert]
        my Enable
    }

    method widget {} { return $Path.left.list }
    method diff {} { return $Path.right.diff.text }

    method clear {} {
        set Key {}
        my Take {}
    }

    method load {key} {
        set Key $key
        my reload
    }

    method reload {} {
        if {$Key eq {}} return
        set request [incr Request]
        try {
            set entries [$Kv history $Key]
        } trap {NATS ErrKeyNotFound} {} {
            set entries {}
        }
        if {$request == $Request} { my Take $entries }
    }

    # The newest one comes first. What was selected stays selected.
    method Take {entries} {
        set list $Path.left.list
        set selected [$list selection]
        set Entries {}
        $list delete [$list children {}]
        foreach entry [lreverse $entries] {
            set revision [dict get $entry revision]
            dict set Entries $revision [dict replace $entry value [$Session to_bytes [dict get $entry value]]]
            $list insert {} end -id $revision -text $revision -values [list [dict get $entry operation] \
                [Size [string length [dict get $Entries $revision value]]] [string range [Time [dict get $entry created]] 0 18]]
        }
        set selected [lmap revision $selected { if {![$list exists $revision]} continue; set revision }]
        if {$selected eq {}} { set selected [lindex [$list children {}] 0] }
        $list selection set $selected
        if {$selected ne {}} { $list focus [lindex $selected 0] }
        my compare
    }

    # With one selected: what it has changed; with two: the older and the newer one.
    method compare {} {
        my Enable
        set list $Path.left.list
        set selected [lsort -integer [$list selection]]
        if {$selected eq {}} {
            Fill_text $Path.right.diff {} disabled
            return
        }
        set new [lindex $selected end]
        set old [lindex $selected 0]
        if {$old == $new} {
            set order [lsort -integer [dict keys $Entries]]
            set old [lindex $order [expr {[lsearch -exact $order $new] - 1}]]
        }
        $Path.right.title configure -text [expr {$old eq {} ? "Revision $new, the oldest that is kept" : "From revision $old to $new"}]
        set before [expr {$old eq {} ? "" : [Readable [dict get $Entries $old value]]}]
        Fill_diff $Path.right.diff $before [Readable [dict get $Entries $new value]]
    }

    method Enable {} {
        set selected [$Path.left.list selection]
        set possible [expr {[llength $selected] == 1 && ![$Session read_only] && [dict get $Entries $selected operation] eq "PUT"
            && $selected != [lindex [lsort -integer [dict keys $Entries]] end]}]
        $Path.left.revert state [expr {$possible ? "!disabled" : "disabled"}]
    }

    # Stores the old value again, if nobody has stored another one since the history was read.
    method revert {} {
        if {[$Path.left.revert instate disabled] || ![$Session may_write]} return
        set revision [lindex [$Path.left.list selection] 0]
        set latest [lindex [lsort -integer [dict keys $Entries]] end]
        set key $Key
        try {
            set stored [$Kv update $key [$Session to_value [dict get $Entries $revision value]] $latest]
        } trap {NATS ErrWrongLastSequence} {} {
            $Session log "$key was changed meanwhile; look at its history again" ErrWrongLastSequence
            my reload
            return
        }
        $Session note "$key has the value of revision $revision again, as revision $stored"
        my reload
    }
}
