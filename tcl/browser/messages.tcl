# The messages of a stream, a page at a time from any point, and the whole of one of them.

oo::class create ::nats::browser::Messages {
    superclass ::nats::browser::Part
    variable Path Session Stream Info Page Rows Subject From Follow Shown_last Request Page_size Selected Fresh

    constructor {path session stream} {
        next $session
        set Path $path
        set Session $session
        set Stream $stream
        lassign {{} {} {} {} 1 0 0 100 {} 0} Info Page Subject From Follow Shown_last Request Page_size Selected Fresh
        my Build
    }

    destructor {
        $Rows destroy
        next
    }

    method Build {} {
        set gap [Gap 2]
        ttk::frame $Path -padding $gap
        ttk::frame $Path.bar
        ttk::checkbutton $Path.bar.follow -text Follow -variable [my varname Follow] -command [my on follow_toggled]
        ttk::button $Path.bar.publish -text Publish\u2026 -command [list [self] ask_publish]
        pack $Path.bar.publish $Path.bar.follow -side right -padx [list $gap 0]
        foreach {name text method} {first First first older Older older newer Newer newer last Last last} {
            ttk::button $Path.bar.$name -text $text -command [my on $method]
            pack $Path.bar.$name -side left -padx [list 0 [Gap 0.5]]
        }
        ttk::frame $Path.find
        ttk::label $Path.find.from_label -text From -style NatsMuted.TLabel
        ttk::entry $Path.find.from -width 14 -textvariable [my varname From]
        ttk::label $Path.find.subject_label -text Subject -style NatsMuted.TLabel
        ttk::entry $Path.find.subject -width 16 -textvariable [my varname Subject]
        pack $Path.find.from_label $Path.find.from $Path.find.subject_label -side left -padx [list 0 $gap]
        pack $Path.find.subject -side left -fill x -expand 1
        bind $Path.bar <Configure> [list [self] arrange %w]
        if {[$Session read_only]} { $Path.bar.publish state disabled }
        bind $Path.find.from <Return> [my on from]
        bind $Path.find.subject <Return> [my on apply]
        ttk::panedwindow $Path.split -orient vertical
        set Rows [Rows new $Path.split.list {
            {seq Sequence 12 w} {time Time 24 w} {subject Subject 30 w} {size Size 10 e} {data Data 44 w}
        } [dict create row [list [self] row] selected [list [self] selected] activated [list [self] activated]]]
        ttk::panedwindow $Path.split.one -orient horizontal
        ttk::frame $Path.split.one.head
        ttk::label $Path.split.one.head.title -text Headers -style NatsMuted.TLabel
        Text_pane $Path.split.one.head.text -width 24
        ttk::frame $Path.split.one.data
        ttk::label $Path.split.one.data.title -text Payload -style NatsMuted.TLabel
        Text_pane $Path.split.one.data.text
        foreach side {head data} {
            pack $Path.split.one.$side.title -anchor w -pady [list $gap [Gap]]
            pack $Path.split.one.$side.text -fill both -expand 1
            $Path.split.one.$side.text.text configure -state disabled
        }
        $Path.split.one add $Path.split.one.head -weight 1
        $Path.split.one add $Path.split.one.data -weight 3
        $Path.split add $Path.split.list -weight 3
        $Path.split add $Path.split.one -weight 2
        grid $Path.bar -sticky ew -pady [list 0 $gap]
        grid $Path.split -row 2 -sticky nsew
        grid columnconfigure $Path 0 -weight 1
        grid rowconfigure $Path 2 -weight 1
    }

    # The fields are among the buttons, or in a line of their own where the window is too narrow for that.
    method arrange {width} {
        set gap [Gap 2]
        set fields [expr {[winfo reqwidth $Path.find] + $gap}]
        set among [expr {[winfo manager $Path.find] eq "pack"}]
        set fits [expr {[winfo reqwidth $Path.bar] + ($among ? 0 : $fields) <= $width}]
        if {$fits && !$among} {
            grid forget $Path.find
            pack $Path.find -in $Path.bar -side left -fill x -expand 1 -padx [list $gap 0]
            raise $Path.find
        } elseif {!$fits && [winfo manager $Path.find] ne "grid"} {
            pack forget $Path.find
            grid $Path.find -row 1 -sticky ew -pady [list 0 $gap]
        }
    }

    method widget {} { $Rows widget }
    method rows {} { return $Rows }
    method page {} { return $Page }
    method headers_text {} { return $Path.split.one.head.text.text }
    method payload_text {} { return $Path.split.one.data.text.text }
    method focus_cycle {} { list [$Rows widget] [my payload_text] }

    # The stream's state was asked.
    method polled {info} {
        set Info $info
        if {$Follow && [dict get $info state last_seq] != $Shown_last} { my go last }
    }

    method State {name} { expr {$Info eq {} ? 0 : [dict get $Info state $name]} }
    method Wanted_subject {} { expr {[string trim $Subject] eq {} ? ">" : [string trim $Subject]} }

    # ---- paging

    # Messages of the wanted subject from a sequence on, at most so many.
    method Read {seq count} {
        set js [$Session js]
        if {[dict exists $Info config allow_direct] && [dict get $Info config allow_direct]} {
            try {
                return [$js stream_msgs_get $Stream -next_by_subj [my Wanted_subject] -seq $seq -batch $count]
            } trap {NATS ErrNotSupported} {} {}
        }
        set messages {}
        while {[llength $messages] < $count} {
            try {
                set msg [$js stream_msg_get $Stream -seq $seq -next_by_subj [my Wanted_subject]]
            } trap {NATS ErrMsgNotFound} {} {
                break
            }
            lappend messages $msg
            set seq [expr {[nats::msg seq $msg] + 1}]
        }
        return $messages
    }

    # Shows a page; the latest question wins.
    method Show {request messages} {
        if {$request != $Request} return
        set known [lmap msg $Page { nats::msg seq $msg }]
        set before $Shown_last
        set Page $messages
        set Fresh [expr {$before > 0 && $known ne {} ? [lindex $known end] : 0}]
        set index [lsearch -exact [lmap msg $Page { nats::msg seq $msg }] $Selected]
        $Rows set_rows [llength $Page] $index
        if {$Fresh} { my later 1500 calm }
    }

    method calm {} {
        set Fresh 0
        $Rows draw
    }

    method first {} {
        set Follow 0
        my Show [incr Request] [my Read [expr {max(1, [my State first_seq])}] $Page_size]
        $Rows scroll_to 0
    }

    # With a subject that is rare it takes a longer way back to fill a page.
    method last {} {
        set request [incr Request]
        set last [my State last_seq]
        foreach reach {1 4 16 64} {
            set seq [expr {max(1, [my State first_seq], $last - $reach * $Page_size + 1)}]
            set messages [my Read $seq [expr {min(1000, $reach * $Page_size)}]]
            if {[llength $messages] >= $Page_size || $seq <= [my State first_seq] || [my Wanted_subject] eq ">"} break
        }
        set Shown_last $last
        my Show $request [lrange $messages end-[expr {$Page_size - 1}] end]
        $Rows scroll_to [llength $Page]
    }

    method newer {} {
        if {$Page eq {}} { return [my last] }
        set request [incr Request]
        set messages [my Read [expr {[nats::msg seq [lindex $Page end]] + 1}] $Page_size]
        if {$messages eq {}} return
        my Show $request $messages
        $Rows scroll_to 0
    }

    method older {} {
        if {$Page eq {}} { return [my last] }
        set Follow 0
        set request [incr Request]
        set end [nats::msg seq [lindex $Page 0]]
        if {$end <= [my State first_seq]} return
        set messages [my Read [expr {max(1, [my State first_seq], $end - $Page_size)}] $Page_size]
        set messages [lmap msg $messages { if {[nats::msg seq $msg] >= $end} break; set msg }]
        if {$messages ne {}} { my Show $request $messages }
        $Rows scroll_to 0
    }

    # From a sequence, a time (2024-05-06 12:30), or some time ago (10m).
    method from {} {
        set Follow 0
        set request [incr Request]
        set text [string trim $From]
        if {[string is entier -strict $text]} {
            set seq [expr {max(1, $text)}]
        } else {
            if {[catch {clock scan $text -format "%Y-%m-%d %H:%M:%S"} s] && [catch {clock scan $text -format "%Y-%m-%d %H:%M"} s]
                    && [catch {clock scan $text -format "%Y-%m-%d"} s]} {
                set s [expr {([clock milliseconds] - [Parse_span $text]) / 1000}]
            }
            set seq [my Seq_at [expr {$s * 1000}]]
        }
        my Show $request [my Read $seq $Page_size]
        $Rows scroll_to 0
    }

    # The first sequence that was stored at a time or later, by halving.
    method Seq_at {ms} {
        set low [expr {max(1, [my State first_seq])}]
        set high [expr {[my State last_seq] + 1}]
        while {$low < $high} {
            set middle [expr {($low + $high) / 2}]
            try {
                set msg [[$Session js] stream_msg_get $Stream -seq $middle -next_by_subj >]
                set late [expr {[nats::isotime_to_msec [dict get $msg time]] >= $ms}]
            } trap {NATS ErrMsgNotFound} {} {
                set late 1
            }
            if {$late} { set high $middle } else { set low [expr {$middle + 1}] }
        }
        return $low
    }

    method apply {} {
        if {$Follow || $Page eq {}} { return [my last] }
        my Show [incr Request] [my Read [nats::msg seq [lindex $Page 0]] $Page_size]
    }

    method follow_toggled {} { if {$Follow} { my last } }

    # ---- rows

    method row {index} {
        set msg [lindex $Page $index]
        set bytes [$Session to_bytes [nats::msg data $msg]]
        set seq [nats::msg seq $msg]
        dict create text $seq tags [expr {$Fresh && $seq > $Fresh ? "new1" : ""}] values [list \
            [Time [nats::isotime_to_msec [dict get $msg time]]] [nats::msg subject $msg] \
            [Size [string length $bytes]] [Preview $bytes]]
    }

    method selected {index} {
        set msg [lindex $Page $index]
        set Selected [nats::msg seq $msg]
        # What is read is not pushed away.
        set lines {}
        dict for {name values} [dict get $msg header] {
            foreach value $values { lappend lines "$name: $value" }
        }
        Fill_text $Path.split.one.head.text [join $lines \n] disabled
        set bytes [$Session to_bytes [nats::msg data $msg]]
        Fill_text $Path.split.one.data.text [Readable [string range $bytes 0 262143]] disabled
        if {[Kind $bytes] eq "json"} { Color_json $Path.split.one.data.text }
    }

    method activated {index} { focus [my payload_text] }

    method ask_publish {} {
        if {![$Session may_write]} return
        set subject [expr {$Info eq {} ? "" : [lindex [dict get $Info config subjects] 0]}]
        Ask_publish [winfo toplevel $Path] $Session $subject [my on last]
    }
}
