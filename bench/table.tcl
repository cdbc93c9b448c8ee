# The table: every case of every client, in turns.

namespace eval bench {
    # case -> caption, the option that gives the number of operations (empty: the stored keys), wanted share of the floor
    variable Cases {
        put     {{put, one after the other} -sequential 0.95}
        get     {{get, one after the other} -sequential 0.95}
        put64   {{put, %inflight coroutines} -concurrent 0.6}
        get64   {{get, %inflight coroutines} -concurrent 0.6}
        watch   {{watch, callback per entry} {} 0.5}
        array   {{watch into an array} {} 0.7}
        keys    {{keys} {} 0.8}
        history {{history >} {} 0.5}
        pubsub  {{publish + subscribe} -messages 0.45}
    }
    variable Names {raw {async-nats} tcl {this package} py nats-py js nats.js}
    # What a client does not offer.
    variable Missing {py history}
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
    set raw [dict get [expr {[dict exists $clients raw] ? $clients : [clients raw]}] raw]
    setup $raw $url
    set rates {}
    set peaks {}
    for {set round 1} {$round <= [option -rounds]} {incr round} {
        foreach case $cases {
            # Another client begins in each round.
            foreach name $names {
                if {[Is_missing $name $case]} continue
                lassign [Measure [dict get $clients $name] $url $case] rate peak
                dict lappend rates [list $case $name] $rate
                dict lappend peaks [list $case $name] $peak
                puts stderr [format {round %d  %-8s %-4s %10s/s  %7.1f MiB} $round $case $name [grouped $rate] $peak]
            }
        }
        set names [list {*}[lrange $names 1 end] [lindex $names 0]]
    }
    nats::server stop $server
    set names [dict keys $clients]
    foreach values {rates peaks} {
        dict for {key list} [set $values] { dict set $values $key [median $list] }
    }
    puts [Rows $cases $names $rates $peaks]
    chart [option -svg] $cases $names $rates
    puts "chart: [option -svg]"
}

proc bench::Is_missing {name case} {
    variable Missing
    expr {[dict exists $Missing $name] && $case in [dict get $Missing $name]}
}

# {operations a second, peak memory in MiB} of one run.
proc bench::Measure {command url case} {
    variable Cases
    set count 0
    set kind [lindex [dict get $Cases $case] 1]
    if {$kind ne {}} { set count [option $kind] }
    lassign [result [list {*}$command $url $case $count [option -keys] [option -payload] [option -inflight]]] \
        done seconds peak
    set expected [expr {$kind eq {} ? [option -keys] : $count}]
    if {$done != $expected} { error "$case: $done operations instead of $expected: $command" }
    list [expr {$done / $seconds}] [expr {$peak / 1024.0}]
}

# A Markdown table, to be copied as it is.
proc bench::Rows {cases names rates peaks} {
    variable Cases
    variable Names
    set head [list "operations a second"]
    foreach name $names { lappend head [dict get $Names $name] }
    lappend head "share of raw" wanted
    foreach name $names { lappend head "[dict get $Names $name], MiB" }
    set lines [list "| [join $head { | }] |" "|---|[string repeat "---:|" [expr {[llength $head] - 1}]]"]
    foreach case $cases {
        set row [list [caption $case]]
        foreach name $names { lappend row [Cell $rates $case $name grouped] }
        set wanted [lindex [dict get $Cases $case] 2]
        if {[dict exists $rates [list $case raw]] && [dict exists $rates [list $case tcl]]} {
            set share [expr {[dict get $rates [list $case tcl]] / [dict get $rates [list $case raw]]}]
            lappend row [format {%.2f%s} $share [expr {$share < $wanted ? " (!)" : ""}]] $wanted
        } else {
            lappend row - $wanted
        }
        foreach name $names { lappend row [Cell $peaks $case $name {format %.1f}] }
        lappend lines "| [join $row { | }] |"
    }
    join $lines \n
}

proc bench::Cell {values case name format} {
    if {![dict exists $values [list $case $name]]} { return - }
    {*}$format [dict get $values [list $case $name]]
}
