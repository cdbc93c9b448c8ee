# The difference of two texts, line by line.

# A list of pairs {sign line}: sign is " " for a line of both, "-" of the old one only, "+" of the new one only.
proc ::nats::browser::Diff {old new} {
    set a [split $old \n]
    set b [split $new \n]
    # What is common at both ends needs no table, which keeps it small.
    set head {}
    while {[llength $a] && [llength $b] && [lindex $a 0] eq [lindex $b 0]} {
        lappend head [list { } [lindex $a 0]]
        set a [lrange $a 1 end]
        set b [lrange $b 1 end]
    }
    set tail {}
    while {[llength $a] && [llength $b] && [lindex $a end] eq [lindex $b end]} {
        set tail [linsert $tail 0 [list { } [lindex $a end]]]
        set a [lrange $a 0 end-1]
        set b [lrange $b 0 end-1]
    }
    list {*}$head {*}[Diff_middle $a $b] {*}$tail
}

# By the longest common subsequence; of texts that are too long for its table all lines count as changed.
proc ::nats::browser::Diff_middle {a b} {
    set result {}
    if {[llength $a] * [llength $b] > 250000 || $a eq {} || $b eq {}} {
        foreach line $a { lappend result [list - $line] }
        foreach line $b { lappend result [list + $line] }
        return $result
    }
    set table [Diff_table $a $b]
    set i 0
    set j 0
    while {$i < [llength $a] || $j < [llength $b]} {
        if {$i < [llength $a] && $j < [llength $b] && [lindex $a $i] eq [lindex $b $j]} {
            lappend result [list { } [lindex $a $i]]
            incr i
            incr j
        } elseif {$i < [llength $a]
                && ($j >= [llength $b] || [lindex $table [expr {$i + 1}] $j] >= [lindex $table $i [expr {$j + 1}]])} {
            lappend result [list - [lindex $a $i]]
            incr i
        } else {
            lappend result [list + [lindex $b $j]]
            incr j
        }
    }
    return $result
}

# table[i][j]: how many lines a[i..] and b[j..] have in common.
proc ::nats::browser::Diff_table {a b} {
    set below [lrepeat [expr {[llength $b] + 1}] 0]
    set table [list $below]
    foreach line [lreverse $a] {
        set row [list 0]
        set j [llength $b]
        foreach other [lreverse $b] {
            incr j -1
            lappend row [expr {$line eq $other ? [lindex $below [expr {$j + 1}]] + 1
                : max([lindex $below $j], [lindex $row end])}]
        }
        set below [lreverse $row]
        lappend table $below
    }
    lreverse $table
}
