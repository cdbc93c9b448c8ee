# The server as this connection sees it: what it is, how fast it answers, what goes over the connection, and which
# consumers fall behind.

oo::class create ::nats::browser::ServerView {
    superclass ::nats::browser::Part
    variable Path Session Places Charts Asked

    constructor {path session places} {
        next $session
        set Path $path
        set Session $session
        set Places $places
        set Asked 0
        ttk::frame $path
        View_head $path.head Server {}
        ::ttk::frame $path.charts
        set span [[$Session samples] span]
        set Charts {}
        foreach {name title format} {
            rtt "Round trip, ms" ::nats::browser::Short in "Messages received a second" ::nats::browser::Short
            out "Messages sent a second" ::nats::browser::Short bytes "Bytes received a second" ::nats::browser::Size
        } {
            lappend Charts [Chart new $path.charts.$name $title $format $span]
        }
        Place_charts $path.charts
        ttk::label $path.title -text "Slow consumers: the longest backlogs" -style NatsBold.TLabel
        Table $path.slow {
            {#0 Consumer 24 w 1} {stream Stream 20 w 1} {pending Pending 11 e 0} {unacked "Ack pending" 14 e 0} {last "Last delivery" 16 e 0}
        }
        pack $path.head -fill x
        pack $path.charts -fill both -expand 1 -pady [list [Gap 3] 0]
        pack $path.title -anchor w -pady [list [Gap 2] [Gap]]
        pack $path.slow -fill both -expand 1
        my polled
    }

    destructor {
        foreach chart $Charts { $chart destroy }
        next
    }

    method polled {} {
        set info [$Session server_info]
        if {$info ne {}} {
            $Path.head.title configure -text [expr {[dict exists $info cluster] ? "Cluster [dict get $info cluster]" : "Server"}]
            $Path.head.kind configure -text "nats-server [dict get $info version]"
            set statistics [[$Session connection] statistics]
            set facts [list "[dict get $info host]:[dict get $info port]" \
                "payloads up to [Size [dict get $info max_payload]]" [expr {[dict get $info tls_required] ? "TLS" : "no TLS"}]]
            foreach {name text} {reconnects reconnections dropped "messages dropped, the script is slow"} {
                if {[dict get $statistics $name] > 0} { lappend facts "[Number [dict get $statistics $name]] $text" }
            }
            View_facts $Path.head $facts
        }
        if {!$Asked && [$Places polled]} { my go ask_consumers }
        set samples [$Session samples]
        lassign $Charts rtt in out bytes
        $rtt show [$samples levels connection rtt]
        $in show [$samples rates connection in_msgs]
        $out show [$samples rates connection out_msgs]
        $bytes show [$samples rates connection in_bytes]
    }

    # Every 5 s, of the first hundred streams that have consumers of their own.
    method ask_consumers {} {
        set Asked 1
        my later 5000 ask_consumers
        if {[$Session status] ne "connected"} return
        set found {}
        set asked 0
        foreach stream [$Places streams] {
            set info [$Places info $stream]
            if {[string match KV_* $stream] || [string match OBJ_* $stream] || ![dict get $info state consumer_count]} continue
            if {[incr asked] > 100} break
            foreach consumer [[$Session js] consumer_infos $stream] {
                lappend found [list [dict get $consumer num_pending] $stream $consumer]
            }
        }
        set rows [lmap row [lrange [lsort -integer -decreasing -index 0 $found] 0 49] {
            lassign $row pending stream consumer
            list [list $stream [dict get $consumer name]] [list $stream [Number $pending] \
                [Number [dict get $consumer num_ack_pending]] [Last_active $consumer]]
        }]
        Fill_table $Path.slow $rows
        # The same name may occur in several streams.
        foreach row $rows { $Path.slow.tree item [lindex $row 0] -text [lindex $row 0 1] }
    }

    method unsaved {} {}
    method connected {} {}
    method ready {} { $Places polled }
    method focus_main {} { focus $Path.slow.tree }
    method focus_filter {} {}
    method focus_cycle {} { list $Path.slow.tree }
    method refresh {} { my polled }
    method new {} {}
    method save {} {}
    method delete {} {}
    method purge {} {}
    method go_to {key} {}
}
