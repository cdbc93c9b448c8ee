# A key-value bucket: its keys, the entry of the selected one, charts, and how it is configured.

oo::class create ::nats::browser::BucketView {
    superclass ::nats::browser::Part
    variable Path Session Places Bucket Kv Keys Entry History Filter Tree_shown Deleted_shown Charts Status

    constructor {path session places bucket} {
        next $session
        set Path $path
        set Session $session
        set Places $places
        set Bucket $bucket
        lassign {{} {} {} {} {} 1 0 {}} Kv Keys Entry History Filter Tree_shown Deleted_shown Status
        set Charts {}
        ttk::frame $path
        View_head $path.head $bucket "Key-value bucket"
        ttk::notebook $path.tabs
        pack $path.head -fill x
        pack $path.tabs -fill both -expand 1 -pady [list [Gap 2] 0]
        ttk::notebook::enableTraversal $path.tabs
        my go open
    }

    destructor {
        foreach part [list $Keys $Entry $History {*}$Charts] {
            if {$part ne {} && [info object isa object $part]} { $part destroy }
        }
        if {$Kv ne {} && [info object isa object $Kv]} { $Kv destroy }
        next
    }

    method open {} {
        set Kv [[$Session js] bind_kv_bucket $Bucket]
        set Status [$Kv status]
        my Build_keys
        my Build_charts
        Text_pane $Path.tabs.config
        $Path.tabs add $Path.tabs.config -text Configuration -padding [Gap 2]
        Fill_text $Path.tabs.config [Dict_lines [dict get $Status stream_config]] disabled
        my polled
        my focus_main
    }

    method keys {} { return $Keys }
    method entry {} { return $Entry }
    method history {} { return $History }
    method ready {} { expr {$Keys ne {} && [$Keys loaded]} }

    method Build_keys {} {
        set tab $Path.tabs.keys
        set gap [Gap]
        ttk::frame $tab -padding [Gap 2]
        ttk::frame $tab.bar
        ttk::entry $tab.bar.filter -textvariable [my varname Filter] -width 30
        ttk::label $tab.bar.label -text Filter -style NatsMuted.TLabel
        ttk::label $tab.bar.count -style NatsMuted.TLabel
        ttk::checkbutton $tab.bar.tree -text Tree -variable [my varname Tree_shown] -command [list [self] tree_toggled]
        ttk::checkbutton $tab.bar.deleted -text Deleted -variable [my varname Deleted_shown] -command [list [self] deleted_toggled]
        ttk::button $tab.bar.new -text "New key\u2026" -command [list [self] new]
        # What is packed last is cut first when the window is narrow.
        pack $tab.bar.new $tab.bar.deleted $tab.bar.tree -side right -padx [list [expr {2 * $gap}] 0]
        pack $tab.bar.label -side left -padx [list 0 [expr {2 * $gap}]]
        pack $tab.bar.count -side right -padx [list [expr {2 * $gap}] 0]
        pack $tab.bar.filter -side left -fill x -expand 1
        if {[$Session read_only]} { $tab.bar.new state disabled }
        bind $tab.bar.filter <KeyRelease> [list [self] typed]
        bind $tab.bar.filter <Escape> "[list [self] clear_filter]; break"
        bind $tab.bar.filter <Down> "[list [self] focus_main]; break"
        bind $tab.bar.filter <Return> "[list [self] focus_main]; break"
        Shortcuts_first $tab.bar.filter
        ttk::panedwindow $tab.split -orient vertical
        set Keys [Keys new $tab.split.keys $Session $Kv $Bucket [dict create ttl [dict get $Status ttl]] \
            [dict create selected [list [self] selected] changed [list [self] changed] activated [list [self] activated] \
            menu [list [self] menu] counted [list [self] counted]]]
        ttk::notebook $tab.split.entry
        set Entry [Entry new $tab.split.entry.value $Session $Kv [dict exists $Status allow_msg_ttl] [list [self] saved]]
        set History [History new $tab.split.entry.history $Session $Kv]
        $tab.split.entry add $tab.split.entry.value -text Value -padding [list [expr {2 * $gap}] 0 [expr {2 * $gap}] [expr {2 * $gap}]]
        $tab.split.entry add $tab.split.entry.history -text History -padding [expr {2 * $gap}]
        bind $tab.split.entry <<NotebookTabChanged>> [list [self] entry_tab_changed]
        $tab.split add $tab.split.keys -weight 3
        $tab.split add $tab.split.entry -weight 2
        grid $tab.bar -sticky ew -pady [list 0 [expr {2 * $gap}]]
        grid $tab.split -sticky nsew
        grid columnconfigure $tab 0 -weight 1
        grid rowconfigure $tab 1 -weight 1
        $Path.tabs add $tab -text Keys
        $Path.tabs select $tab
    }

    method Build_charts {} {
        set tab $Path.tabs.charts
        $Path.tabs add [Chart_grid $tab] -text Charts
        set span [[$Session samples] span]
        foreach {name title format} {
            entries "Entries, markers included" ::nats::browser::Short
            rate "Changes a second" ::nats::browser::Short
            bytes Size ::nats::browser::Size
        } {
            lappend Charts [Chart new $tab.$name $title $format $span]
        }
        Place_charts $tab
    }

    # ---- what is told

    # The places have been asked.
    method polled {} {
        set info [$Places info KV_$Bucket]
        if {$info eq {} || $Status eq {}} return
        set state [dict get $info state]
        set config [dict get $info config]
        set facts [list "[Size [dict get $state bytes]]" "[Number [dict get $state messages]] entries" \
            "revision [Number [dict get $state last_seq]]" "history [dict get $config max_msgs_per_subject]"]
        if {[dict get $Status ttl] > 0} { lappend facts "TTL [Span [dict get $Status ttl]]" }
        lappend facts [dict get $config storage]
        if {[dict get $config num_replicas] > 1} { lappend facts "[dict get $config num_replicas] replicas" }
        View_facts $Path.head $facts
        set series "stream KV_$Bucket"
        set samples [$Session samples]
        if {[llength $Charts] == 3} {
            lassign $Charts entries rate bytes
            $entries show [$samples levels $series messages]
            $rate show [$samples rates $series last_seq]
            $bytes show [$samples levels $series bytes]
        }
    }

    # The connection is there again, or was closed and opened by the application.
    method connected {} {
        if {$Keys eq {}} { my open } elseif {[$Keys stopped]} { $Keys go watch }
    }

    method counted {text} {
        if {[winfo exists $Path.tabs.keys.bar.count]} { $Path.tabs.keys.bar.count configure -text $text }
    }

    # ---- what the user does

    method typed {} {
        my never filter
        my later 120 filter
    }
    method filter {} { $Keys filter $Filter }
    method clear_filter {} {
        set Filter {}
        my never filter
        my filter
        my focus_main
    }
    method tree_toggled {} { $Keys flat [expr {!$Tree_shown}] }
    method deleted_toggled {} { $Keys show_deleted $Deleted_shown }

    method focus_filter {} {
        $Path.tabs select 0
        focus $Path.tabs.keys.bar.filter
        $Path.tabs.keys.bar.filter selection range 0 end
    }
    method focus_main {} {
        if {$Keys ne {}} { focus [$Keys widget] }
    }
    method focus_cycle {} {
        if {$Keys eq {}} { return {} }
        list [$Keys widget] [expr {[$Path.tabs.keys.split.entry index current] ? [$History widget] : [$Entry text]}]
    }

    method selected {key} {
        if {$key eq [$Entry key]} return
        if {[$Entry unsaved]} {
            Confirm [winfo toplevel $Path] "Leave \u201c[$Entry key]\u201d without saving?" \
                "What was typed is lost." Leave [list [self] show_key $key]
            return
        }
        my show_key $key
    }

    # The key whose value was typed over and not saved.
    method unsaved {} { expr {$Entry ne {} && [$Entry unsaved] ? [$Entry key] : ""} }

    method show_key {key} {
        if {$key eq {}} {
            $Entry clear
            $History clear
            return
        }
        $Entry go load $key
        if {[my History_shown]} { $History go load $key } else { $History clear }
    }

    method changed {key} {
        set entry [$Keys entry $key]
        if {$entry eq {}} { set entry {0 0 PURGE {}} }
        $Entry changed [lindex $entry 0] [lindex $entry 2]
        if {[my History_shown]} { $History later 50 reload }
    }

    method History_shown {} { expr {[$Path.tabs.keys.split.entry index current] == 1} }
    method entry_tab_changed {} {
        if {[my History_shown] && [$Entry key] ne {}} { $History go load [$Entry key] }
    }

    method activated {key} {
        $Path.tabs.keys.split.entry select 0
        focus [$Entry text]
    }
    method saved {} {}
    method save {} { $Entry go save }
    method delete {} { $Entry ask_delete }
    method purge {} { $Entry ask_purge }
    method refresh {} { if {$Keys ne {}} { $Keys go watch } }

    method menu {key x y} {
        set menu $Path.menu
        destroy $menu
        menu $menu -tearoff 0
        set state [expr {[$Session read_only] ? "disabled" : "normal"}]
        $menu add command -label "Copy key" -command [list ::nats::browser::Copy $Path $key]
        $menu add command -label History -command [list $Path.tabs.keys.split.entry select 1]
        $menu add separator
        $menu add command -label Delete\u2026 -command [list $Entry ask_delete] -state $state
        $menu add command -label Purge\u2026 -command [list $Entry ask_purge] -state $state
        tk_popup $menu $x $y
    }

    # ---- a new key

    method new {} {
        if {$Kv eq {} || ![$Session may_write]} return
        set path [winfo toplevel $Path].new
        set body [Dialog $path "New key"]
        set gap [Gap 2]
        ttk::label $body.l1 -text Key
        ttk::entry $body.key -width 44
        ttk::label $body.l2 -text Value
        Text_pane $body.value -width 44 -height 8
        ttk::label $body.l3 -text TTL
        ttk::entry $body.ttl -width 10
        ttk::label $body.hint -style NatsMuted.TLabel -text "90s, 5m, 2h, 1d; empty: it stays"
        grid $body.l1 $body.key - -sticky w -pady [list 0 $gap]
        grid $body.l2 $body.value - -sticky nw -pady [list 0 $gap]
        grid configure $body.key $body.value -sticky nsew
        if {[dict exists $Status allow_msg_ttl]} { grid $body.l3 $body.ttl $body.hint -sticky w }
        grid configure $body.l1 $body.l2 -padx [list 0 $gap]
        grid columnconfigure $body 2 -weight 1
        grid rowconfigure $body 1 -weight 1
        if {[$Keys selected] ne {}} { $body.key insert 0 [regsub {[^.]*$} [$Keys selected] {}] }
        Dialog_button $path create Create [my on create $body] Accent.TButton
        Dialog_button $path cancel Cancel [list destroy $path]
        bind $body.key <Return> [list $path.buttons.create invoke]
        Dialog_show $path $body.key
    }

    method create {body} {
        set key [string trim [$body.key get]]
        set bytes [To_bytes [$body.value.text get 1.0 end-1c]]
        set ttl [string trim [$body.ttl get]]
        set options [expr {$ttl eq {} ? {} : [list -ttl [Parse_span $ttl]]}]
        try {
            set revision [$Kv create $key [$Session to_value $bytes] {*}$options]
        } trap {NATS ErrWrongLastSequence} {} {
            $Session log "$key exists already" ErrWrongLastSequence
            return
        }
        if {[winfo exists $body]} { destroy [winfo toplevel $body] }
        $Session note "$key is stored as revision $revision"
        $Keys select $key
    }

    method go_to {key} {
        if {$Keys eq {}} {
            my later 50 go_to $key
            return
        }
        if {$Filter ne {}} {
            set Filter {}
            my never filter
            my filter
        }
        $Keys select $key
    }
}

# ---- what views have in common

# The head of a view: what it shows, in large letters, and facts about it below.
proc ::nats::browser::View_head {path title kind} {
    ttk::frame $path
    ttk::label $path.title -text $title -style NatsTitle.TLabel
    ttk::label $path.kind -text $kind -style NatsMuted.TLabel
    ttk::label $path.facts -style NatsMuted.TLabel
    grid $path.title $path.kind -sticky sw
    grid $path.facts - -sticky w
    grid configure $path.kind -padx [list [Gap 3] 0]
    grid columnconfigure $path 1 -weight 1
    return $path
}

proc ::nats::browser::View_facts {path facts} {
    $path.facts configure -text [join $facts "  \u00b7  "]
}

proc ::nats::browser::Chart_grid {path} {
    ttk::frame $path -padding [Gap 2]
}

# Two charts a row.
proc ::nats::browser::Place_charts {path} {
    set n 0
    foreach chart [winfo children $path] {
        grid $chart -row [expr {$n / 2}] -column [expr {$n % 2}] -sticky nsew \
            -padx [list [expr {$n % 2 ? [Gap 2] : 0}] 0] -pady [list 0 [Gap 2]]
        grid rowconfigure $path [expr {$n / 2}] -weight 1 -uniform row
        incr n
    }
    grid columnconfigure $path {0 1} -weight 1 -uniform column
}

# A dict of the server's, a line a name.
proc ::nats::browser::Dict_lines {dict} {
    set width [tcl::mathfunc::max {*}[lmap name [dict keys $dict] { string length $name }] 0]
    join [lmap name [lsort [dict keys $dict]] { format "%-*s  %s" $width $name [dict get $dict $name] }] \n
}

proc ::nats::browser::Copy {window text} {
    clipboard clear -displayof $window
    clipboard append -displayof $window -- $text
}
