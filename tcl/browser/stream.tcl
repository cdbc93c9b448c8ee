# A stream: its messages, its consumers, charts, and how it is configured.

oo::class create ::nats::browser::StreamView {
    superclass ::nats::browser::Part
    variable Path Session Places Stream Messages Charts Config_shown

    constructor {path session places stream} {
        next $session
        set Path $path
        set Session $session
        set Places $places
        set Stream $stream
        set Config_shown {}
        ttk::frame $path
        View_head $path.head $stream Stream
        ttk::notebook $path.tabs
        ttk::notebook::enableTraversal $path.tabs
        pack $path.head -fill x
        pack $path.tabs -fill both -expand 1 -pady [list [Gap 2] 0]
        set Messages [Messages new $path.tabs.messages $session $stream]
        $path.tabs add $path.tabs.messages -text Messages
        my Build_consumers
        my Build_charts
        Text_pane $path.tabs.config
        $path.tabs add $path.tabs.config -text Configuration -padding [Gap 2]
        my polled
    }

    destructor {
        foreach part [list $Messages {*}$Charts] { $part destroy }
        next
    }

    method messages {} { return $Messages }

    method Build_consumers {} {
        set tab $Path.tabs.consumers
        ttk::frame $tab -padding [Gap 2]
        Table $tab.list {
            {#0 Name 20 w 1} {kind Kind 8 w 0} {pending Pending 10 e 0} {unacked "Ack pending" 13 e 0} {again Redelivered 13 e 0}
            {waiting "Pulls waiting" 14 e 0} {floor "Ack floor" 11 e 0} {last "Last delivery" 15 e 0}
        }
        ttk::label $tab.title -style NatsMuted.TLabel -text "Configuration"
        Text_pane $tab.config -height 10
        $tab.config.text configure -state disabled
        pack $tab.list -fill both -expand 1
        pack $tab.title -anchor w -pady [list [Gap 2] [Gap]]
        pack $tab.config -fill both
        $Path.tabs add $tab -text Consumers
        bind $tab.list.tree <<TreeviewSelect>> [list [self] consumer_selected]
    }

    method Build_charts {} {
        set tab $Path.tabs.charts
        $Path.tabs add [Chart_grid $tab] -text Charts
        set span [[$Session samples] span]
        set Charts {}
        foreach {name title format} {
            rate "Messages a second" ::nats::browser::Short bytes_rate "Bytes a second" ::nats::browser::Size
            messages "Messages" ::nats::browser::Short pending "Waiting for consumers" ::nats::browser::Short
        } {
            lappend Charts [Chart new $tab.$name $title $format $span]
        }
        Place_charts $tab
    }

    method polled {} {
        set info [$Places info $Stream]
        if {$info eq {}} return
        set state [dict get $info state]
        set config [dict get $info config]
        set facts [list "[Number [dict get $state messages]] messages" [Size [dict get $state bytes]] \
            "sequence [Number [dict get $state first_seq]] to [Number [dict get $state last_seq]]"]
        if {[dict exists $config subjects]} { lappend facts [join [dict get $config subjects] ", "] }
        lappend facts [dict get $config retention] [dict get $config storage]
        View_facts $Path.head $facts
        if {$config ne $Config_shown} {
            set Config_shown $config
            Fill_text $Path.tabs.config [Dict_lines $config] disabled
        }
        $Messages polled $info
        my Show_consumers
        my Show_charts
    }

    method Show_charts {} {
        set samples [$Session samples]
        set series "stream $Stream"
        lassign $Charts rate bytes_rate messages pending
        $rate show [$samples rates $series last_seq]
        # What limits remove is not known: the average size of messages stands for each.
        set size [expr {double([$samples latest $series bytes]) / max(1, [$samples latest $series messages])}]
        $bytes_rate show [lmap pair [$samples rates $series last_seq] { list [lindex $pair 0] [expr {[lindex $pair 1] * $size}] }]
        $messages show [$samples levels $series messages]
        $pending show [$samples levels "pending $Stream" pending]
    }

    method Show_consumers {} {
        set infos [$Places consumers $Stream]
        set rows [lmap info $infos {
            set config [dict get $info config]
            list [dict get $info name] [list [expr {[dict exists $config deliver_subject] ? "push" : "pull"}] \
                [Number [dict get $info num_pending]] [Number [dict get $info num_ack_pending]] \
                [Number [dict get $info num_redelivered]] [Number [dict get $info num_waiting]] \
                [Number [dict get $info ack_floor stream_seq]] [Last_active $info]]
        }]
        Fill_table $Path.tabs.consumers.list $rows
    }

    method consumer_selected {} {
        set name [lindex [$Path.tabs.consumers.list.tree selection] 0]
        foreach info [$Places consumers $Stream] {
            if {[dict get $info name] eq $name} {
                Fill_text $Path.tabs.consumers.config [Dict_lines [dict get $info config]] disabled
            }
        }
    }

    # From the tree on the left.
    method show_consumer {name} {
        $Path.tabs select $Path.tabs.consumers
        set tree $Path.tabs.consumers.list.tree
        if {[$tree exists $name]} { $tree selection set [list $name] } else { my later 200 show_consumer $name }
    }

    method unsaved {} {}
    method connected {} {}
    method ready {} { expr {[$Places info $Stream] ne {}} }
    method focus_main {} { focus [$Messages widget] }
    method focus_filter {} { focus $Path.tabs.messages.find.subject }
    method focus_cycle {} { $Messages focus_cycle }
    method refresh {} { $Messages go apply }
    method new {} { $Messages ask_publish }
    method save {} {}
    method delete {} {}
    method purge {} {}
    method go_to {key} {}
}

proc ::nats::browser::Last_active {info} {
    if {![dict exists $info delivered last_active]} { return {} }
    string cat [Age [::nats::isotime_to_msec [dict get $info delivered last_active]]] " ago"
}

# ---- tables of few rows

proc ::nats::browser::Table {path columns} {
    ttk::frame $path
    set names [lmap column [lrange $columns 1 end] {lindex $column 0}]
    ttk::treeview $path.tree -style NatsRows.Treeview -columns $names -selectmode browse -height 6
    ttk::scrollbar $path.bar -orient vertical -command [list $path.tree yview]
    $path.tree configure -yscrollcommand [list ::nats::browser::Set_bar $path.bar]
    set widths {}
    foreach column $columns {
        lassign $column name title width anchor stretch
        $path.tree heading $name -text $title -anchor $anchor
        $path.tree column $name -width [Em $width] -anchor $anchor -stretch $stretch
        lappend widths [list $name $width $stretch]
    }
    bind $path.tree <Configure> [list ::nats::browser::Share_width $path.tree $widths]
    grid $path.tree $path.bar -sticky nsew
    grid columnconfigure $path 0 -weight 1
    grid rowconfigure $path 0 -weight 1
    return $path
}

# Rows are pairs {name values}. What stays keeps its place and the selection.
proc ::nats::browser::Fill_table {path rows} {
    set tree $path.tree
    set names [lmap row $rows {lindex $row 0}]
    foreach item [$tree children {}] {
        if {$item ni $names} { $tree delete [list $item] }
    }
    set at 0
    foreach row $rows {
        lassign $row name values
        if {![$tree exists $name]} { $tree insert {} end -id $name -text $name }
        $tree item $name -values $values
        $tree move $name {} $at
        incr at
    }
}
