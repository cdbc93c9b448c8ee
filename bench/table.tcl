# The table: every case of every client, in turns.

namespace eval bench {
    # case -> caption, the option that gives the number of operations (empty: the stored keys), wanted shares of the limit
    # and of async-nats (empty: none)
    variable Cases {
        put     {{put, one after the other} -sequential 0.9 {}}
        get     {{get, one after the other} -sequential 0.9 {}}
        put64   {{put, %inflight coroutines} -concurrent 0.45 1.0}
        get64   {{get, %inflight coroutines} -concurrent 0.45 1.0}
        watch   {{watch, callback per entry} {} 0.6 {}}
        array   {{watch into an array} {} 0.5 {}}
        keys    {{keys} {} 0.65 {}}
        history {{history >} {} 0.5 {}}
        pubsub  {{publish + subscribe} -messages 0.45 {}}
        publish {{publish} -messages {} 1.0}
        many    {{publish_many} -concurrent {} 0.8}
        rtt     {{rtt} -sequential 0.77 {}}
        request {{request, %inflight coroutines} -concurrent {} 0.8}
        respond {{answers to %inflight requests at a time} -concurrent {} 0.8}
        pull    {{pull consumer, each acknowledged} {} {} 0.8}
    }
    variable Names {limit {the limit} raw {async-nats} c nats.c tcl {this package} py nats-py js nats.js}
    # What a client does not offer, or was not written for.
    variable Missing {
        limit {many request respond pull} raw {rtt} c {array history pull} py {history publish many rtt request respond pull}
        js {publish many rtt request respond pull}
    }
}

proc bench::caption {case} {
    variable Cases
    string map [list %inflight [option -inflight]] [lindex [dict get $Cases $case] 0]
}

proc bench::table {} {
    variable Cases
    set clients [clients [option -clients]]
    set names [dict keys $clients]
    set cases [option -cases]
    if {$cases eq {}} { set cases [dict keys $Cases] }
    set server [nats::server start]
    set url [nats::server url $server]
    set raw [client raw]
    setup $raw $url
    set measured {}
    for {set round 1} {$round <= [option -rounds]} {incr round} {
        foreach case $cases {
            # Another client begins in each round.
            foreach name $names {
                if {[Is_missing $name $case]} continue
                set figures [Measure [dict get $clients $name] $url $case]
                foreach kind {rates peaks processor} figure $figures { dict lappend measured $kind,$case,$name $figure }
                puts stderr [format {round %d  %-8s %-5s %10s/s %8.1f MiB %8.2f us} $round $case $name \
                    [grouped [lindex $figures 0]] {*}[lrange $figures 1 end]]
            }
        }
        set names [list {*}[lrange $names 1 end] [lindex $names 0]]
    }
    nats::server stop $server
    set names [dict keys $clients]
    set medians [dict map {key figures} $measured { median $figures }]
    puts [Rows "operations a second" $cases $names $medians rates grouped]
    puts [Rows "peak memory, MiB" $cases $names $medians peaks {format %.1f}]
    puts [Rows "processor time, \u00b5s an operation" $cases $names $medians processor {format %.1f}]
    chart [option -svg] $cases $names $medians
    puts "chart: [option -svg]"
}

proc bench::Is_missing {name case} {
    variable Missing
    expr {[dict exists $Missing $name] && $case in [dict get $Missing $name]}
}

# {operations a second, peak memory in MiB, microseconds of processor time an operation} of one run.
proc bench::Measure {command url case} {
    variable Cases
    set count [option -keys]
    set kind [lindex [dict get $Cases $case] 1]
    if {$kind ne {}} { set count [option $kind] }
    set arguments [list $count [option -keys] [option -payload] [option -inflight]]
    switch $case {
        request { set output [Beside [list {*}[client raw] $url respond {*}$arguments] [list {*}$command $url request {*}$arguments]] }
        respond { set output [Beside [list {*}$command $url respond {*}$arguments] [list {*}[client raw] $url request {*}$arguments]] }
        default { set output [result [list {*}$command $url $case {*}$arguments]] }
    }
    lassign $output done seconds peak processor
    if {$done != $count} { error "$case: $done operations instead of $count: $command" }
    list [expr {$done / $seconds}] [expr {$peak / 1024.0}] [expr {$processor * 1000.0 / $done}]
}

# The result of a command while another one answers it.
proc bench::Beside {responder command} {
    set channel [open |$responder r+]
    try {
        if {[gets $channel] ne "ready"} { error "not ready: $responder" }
        return [result $command]
    } finally {
        # It may have something to say before it ends.
        close $channel write
        read $channel
        close $channel
    }
}

# A Markdown table, to be copied as it is. That of rates has the shares that this package reaches, and those wanted.
proc bench::Rows {title cases names medians kind format} {
    variable Cases
    variable Names
    set head [list $title {*}[lmap name $names { dict get $Names $name }]]
    if {$kind eq "rates"} { lappend head "of the limit" "of async-nats" }
    set lines [list "" "| [join $head { | }] |" "|---|[string repeat "---:|" [expr {[llength $head] - 1}]]"]
    foreach case $cases {
        set row [list [caption $case]]
        foreach name $names { lappend row [Cell $medians $kind,$case,$name $format] }
        if {$kind eq "rates"} {
            lassign [dict get $Cases $case] -> -> of_limit of_raw
            lappend row [Share $medians $case limit $of_limit] [Share $medians $case raw $of_raw]
        }
        lappend lines "| [join $row { | }] |"
    }
    join $lines \n
}

proc bench::Cell {medians key format} {
    if {![dict exists $medians $key]} { return - }
    {*}$format [dict get $medians $key]
}

# This package's rate as a share of a yardstick's, and the one that is wanted.
proc bench::Share {medians case yardstick wanted} {
    if {![dict exists $medians rates,$case,$yardstick] || ![dict exists $medians rates,$case,tcl]} { return - }
    set share [expr {[dict get $medians rates,$case,tcl] / [dict get $medians rates,$case,$yardstick]}]
    if {$wanted eq {}} { return [format %.2f $share] }
    format {%.2f%s of %s} $share [expr {$share < $wanted ? " (!)" : ""}] $wanted
}
