# The tree on the left: the server, its buckets, object stores, and streams with their consumers, with counts and sizes.
# One question every two seconds brings them all.

oo::class create ::nats::browser::Places {
    superclass ::nats::browser::Part
    variable Path Tree Session Selected_command Place Infos Consumers Objects Poll_error Polled

    # A place is a list: server, {kv bucket}, {os bucket}, {stream name}, {consumer stream name}; the headings of groups
    # are {group kv} and so on. selected: cmdPrefix place.
    constructor {path session selected} {
        next $session
        set Path $path
        set Tree $path.tree
        set Session $session
        set Selected_command $selected
        set Place server
        lassign {{} {} {} {} 0} Infos Consumers Objects Poll_error Polled
        ttk::frame $path
        ttk::treeview $Tree -style Nats.Treeview -columns {count size} -selectmode browse
        ttk::scrollbar $path.bar -orient vertical -command [list $Tree yview]
        $Tree configure -yscrollcommand [list ::nats::browser::Set_bar $path.bar]
        $Tree heading #0 -text Place -anchor w
        $Tree heading count -text Count -anchor e
        $Tree heading size -text Size -anchor e
        foreach column {count size} { $Tree column $column -width [Em 9] -anchor e -stretch 0 }
        bind $Tree <Configure> [list ::nats::browser::Share_width $Tree {{#0 16 1} {count 9 0} {size 9 0}}]
        grid $Tree $path.bar -sticky nsew
        grid columnconfigure $path 0 -weight 1
        grid rowconfigure $path 0 -weight 1
        $Tree insert {} end -id server -text "Server"
        foreach {group text} {kv Buckets os "Object stores" stream Streams} {
            $Tree insert {} end -id [list group $group] -text $text -open 1 -tags group
        }
        $Tree tag configure group -font NatsBrowserBold
        $Tree tag configure muted -foreground [Color muted]
        bind $Tree <<TreeviewSelect>> [list [self] chosen]
        bind $Tree <<TreeviewOpen>> [my on poll_consumers]
        my go poll
    }

    method widget {} { return $Tree }
    method place {} { return $Place }
    # Whether the server was asked successfully, at least once.
    method polled {} { return $Polled }

    # What the server said last about a stream; nothing if it is not there.
    method info {stream} {
        expr {[dict exists $Infos $stream] ? [dict get $Infos $stream] : {}}
    }
    method streams {} { dict keys $Infos }

    method chosen {} {
        set item [lindex [$Tree selection] 0]
        if {$item eq {} || [lindex $item 0] eq "group" || $item eq $Place} return
        set Place $item
        {*}$Selected_command $item
    }

    # By program; the place may be one that the tree does not have yet.
    method select {place} {
        if {[$Tree exists $place]} {
            $Tree selection set [list $place]
            $Tree focus $place
            $Tree see $place
        } else {
            # An event of an earlier selection may be on its way.
            $Tree selection set {}
        }
        set Place $place
    }

    # ---- what the server has

    method poll {} {
        my never poll
        set pause 2000
        if {[$Session status] eq "connected"} {
            set started [clock milliseconds]
            try {
                my Take [[$Session js] stream_infos]
                set Poll_error {}
                set Polled 1
                my go count_objects
                my poll_consumers
                event generate [winfo toplevel $Path] <<NatsBrowserPolled>>
            } on error {message options} {
                # Said once, not every two seconds.
                if {$message ne $Poll_error} { $Session failed $message $options }
                set Poll_error $message
                set pause 5000
            }
            set pause [expr {max($pause, 10 * ([clock milliseconds] - $started))}]
        }
        my later $pause poll
    }

    method Take {infos} {
        set Infos {}
        foreach info $infos { dict set Infos [dict get $info config name] $info }
        set items {kv {} os {} stream {}}
        dict for {name info} $Infos {
            lassign [my Place_of $name] kind short
            set state [dict get $info state]
            dict lappend items $kind [list $kind $short]
            my Item [list group $kind] [list $kind $short] $short [my Count $kind $name $state] [Size [dict get $state bytes]]
            [$Session samples] add "stream $name" [dict create messages [dict get $state messages] bytes [dict get $state bytes] \
                last_seq [dict get $state last_seq] subjects [my Subjects $info]]
        }
        foreach kind {stream pending} {
            [$Session samples] keep_only "$kind *" [lmap name [dict keys $Infos] {string cat "$kind " $name}]
        }
        dict for {kind present} $items {
            set group [list group $kind]
            $Tree set $group count [expr {[llength $present] ? [Number [llength $present]] : ""}]
            foreach item [$Tree children $group] {
                if {$item ni $present} { my Forget $item }
            }
        }
    }

    method Place_of {stream} {
        if {[string match KV_?* $stream]} { return [list kv [string range $stream 3 end]] }
        if {[string match OBJ_?* $stream]} { return [list os [string range $stream 4 end]] }
        list stream $stream
    }

    method Count {kind stream state} {
        switch $kind {
            kv { set count [my Subjects [dict get $Infos $stream]] }
            os { set count [expr {[dict exists $Objects $stream] ? [dict get $Objects $stream count] : ""}] }
            stream { set count [dict get $state messages] }
        }
        Number $count
    }

    # Not told of a stream that is empty.
    method Subjects {info} {
        expr {[dict exists $info state num_subjects] ? [dict get $info state num_subjects] : 0}
    }

    # Makes or refreshes an item, in its place by name.
    method Item {group item text count size} {
        if {![$Tree exists $item]} {
            set at 0
            foreach other [$Tree children $group] {
                if {[lindex [lsort -dictionary [list [lindex $other end] [lindex $item end]]] 0] eq [lindex $item end]} break
                incr at
            }
            $Tree insert $group $at -id $item -text $text
            if {$item eq $Place} { my select $item }
        }
        $Tree item $item -values [list $count $size]
    }

    method Forget {item} {
        $Tree delete [list $item]
        if {$item eq $Place || ([lindex $Place 0] eq "consumer" && [lindex $Place 1] eq [lindex $item 1])} {
            $Session note "[lindex $item 1] is gone"
            my select server
        }
    }

    # ---- consumers, of streams that are open or shown

    method consumers {stream} {
        expr {[dict exists $Consumers $stream] ? [dict get $Consumers $stream] : {}}
    }

    method poll_consumers {} {
        foreach item [$Tree children {group stream}] {
            set stream [lindex $item 1]
            set count [expr {[dict exists $Infos $stream] ? [dict get $Infos $stream state consumer_count] : 0}]
            # The sign that a stream can be opened needs an item below it.
            if {$count && [$Tree children $item] eq {}} { $Tree insert $item end -id [list waiting $stream] -text \u2026 -tags muted }
            if {[$Tree item $item -open] || [lindex $Place 1] eq $stream && [lindex $Place 0] in {stream consumer}} {
                my Take_consumers $item $stream [[$Session js] consumer_infos $stream]
            }
        }
    }

    method Take_consumers {item stream infos} {
        if {![$Tree exists $item]} return
        dict set Consumers $stream $infos
        set pending 0
        foreach info $infos { incr pending [dict get $info num_pending] }
        if {$infos ne {}} { [$Session samples] add "pending $stream" [list pending $pending] }
        if {[$Tree exists [list waiting $stream]]} { $Tree delete [list [list waiting $stream]] }
        set present {}
        foreach info $infos {
            set consumer [list consumer $stream [dict get $info name]]
            lappend present $consumer
            my Item $item $consumer [dict get $info name] [Number [dict get $info num_pending]] {}
        }
        foreach child [$Tree children $item] {
            if {$child ni $present} {
                $Tree delete [list $child]
                if {$child eq $Place} { my select [list stream $stream] }
            }
        }
    }

    # Of an object store the stream's figures don't tell how many objects there are: they are listed after a change.
    method count_objects {} {
        dict for {name info} $Infos {
            if {![string match OBJ_?* $name]} continue
            set last [dict get $info state last_seq]
            if {[dict exists $Objects $name] && [dict get $Objects $name last] == $last} continue
            if {[my Subjects $info] > 5000} continue
            set store [[$Session js] bind_object_store [string range $name 4 end]]
            set names [$store names]
            $store destroy
            dict set Objects $name [dict create last $last count [llength $names]]
            set item [list os [string range $name 4 end]]
            if {[$Tree exists $item]} { $Tree set $item count [Number [llength $names]] }
        }
    }
}
