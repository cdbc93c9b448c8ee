# Two builds of this package, case by case in turns: which case got slower by more than the noise of the run.

proc bench::check {} {
    variable Cases
    variable Here
    set clients [dict create base [list env TCLLIBPATH=[list [file normalize [option -base]]] [option -tclsh] \
        [file join $Here client.tcl]] new [client tcl]]
    set cases [option -cases]
    if {$cases eq {}} { set cases [dict keys $Cases] }
    set slower {}
    with_server {
        setup $raw $url
        puts "| operations a second | base | this tree | ratio | noise |\n|---|---:|---:|---:|---:|"
        foreach case $cases {
            set rates [Paired $clients $url $case]
            lassign [Verdict $rates] ratio noise is_slower
            puts [format {| %s | %s | %s | %.2f | %.2f |%s} [caption $case] [grouped [median [dict get $rates base]]] \
                [grouped [median [dict get $rates new]]] $ratio $noise [expr {$is_slower ? " slower" : ""}]]
            if {$is_slower} { lappend slower $case }
        }
    }
    if {$slower ne {}} {
        puts "\nslower than the noise explains: [join $slower {, }]"
        exit 1
    }
    puts "\nno case got slower by more than the noise"
}

# name -> rates, a pair a round; another one begins in each round.
proc bench::Paired {clients url case} {
    set names [dict keys $clients]
    for {set round 0} {$round < [option -rounds]} {incr round} {
        foreach name $names { dict lappend rates $name [lindex [Measure [dict get $clients $name] $url $case] 0] }
        set names [lreverse $names]
    }
    return $rates
}

# {ratio noise is_slower}: the median of the ratios of the rounds, and how far half of them are from it at most.
proc bench::Verdict {rates} {
    variable Least_noise
    set ratios [lmap base [dict get $rates base] new [dict get $rates new] { expr {$new / $base} }]
    set ratio [median $ratios]
    set noise [expr {max($Least_noise, [median [lmap one $ratios { expr {abs($one - $ratio)} }]])}]
    list $ratio $noise [expr {$ratio < 1 - 2 * $noise}]
}

namespace eval bench {
    # Two runs of one build differ by as much.
    variable Least_noise 0.02
}
