# How cost grows with what a program has: subscriptions, connections, bytes of a value, and keys that the server counts.

proc bench::further_growth {} {
    with_server {
        puts "\n| keys | `count` |\n|---:|---:|"
        foreach keys {1000 10000 100000 1000000 10000000} {
            if {$keys > [option -most]} continue
            setup $raw $url $keys
            puts [format {| %s | %.2f ms |} [grouped $keys] [expr {[Typical {probe $url counted $keys}] * 1e3}]]
        }
    }
    with_server {
        setup $raw $url 1000
        puts "\n| subscriptions | a message, published and received | memory of one |\n|---:|---:|---:|"
        foreach count {1 10 100 1000 10000} {
            lassign [probe $url subscriptions $count [option -concurrent] [option -payload]] microseconds bytes
            puts [format "| %s | %.2f \u00b5s | %.1f KiB |" [grouped $count] $microseconds [expr {$bytes / 1024}]]
        }
        puts "\n| connections | made in, each | memory of one | round trip |\n|---:|---:|---:|---:|"
        foreach count {1 10 100 1000} {
            puts [format {| %s | %.2f ms | %.0f KiB | %.2f ms |} [grouped $count] {*}[probe $url connections $count]]
        }
        puts "\n| bytes of a value | put | get |\n|---:|---:|---:|"
        foreach {bytes count} {16 5000 128 5000 1024 5000 16384 2000 131072 500 1048576 100} {
            puts [format "| %s | %.0f \u00b5s | %.0f \u00b5s |" [grouped $bytes] {*}[probe $url values $bytes $count]]
        }
    }
}

# The median of what a script gives in as many rounds as are asked for.
proc bench::Typical {script} {
    set figures {}
    for {set round 0} {$round < [option -rounds]} {incr round} { lappend figures [lindex [uplevel 1 $script] 0] }
    median $figures
}
