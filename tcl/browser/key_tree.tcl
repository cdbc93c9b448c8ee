# The keys of a bucket along their dots, as a model without widgets: which rows there are, in order.
#
# A row is a key ("user.7.name"), or a branch, whose name ends with a dot ("user.7."; no key does). The members of a branch
# are sorted when they are first seen, and kept sorted from then on.

oo::class create ::nats::browser::KeyTree {
    variable Members Sorted Fresh Count Open Rows All Total Many

    constructor {} {
        array set Members {}
        array set Sorted {}
        array set Count {}
        array set Fresh {}
        array set Open {{} {}}
        set Many 1000
        my clear
    }

    method clear {} {
        array unset Members
        array unset Sorted
        array unset Count
        set Members() {}
        set Count() 0
        set Total 0
        unset -nocomplain Rows All
    }

    # How many keys there are; below a branch.
    method total {} { return $Total }
    method count {branch} { expr {[info exists Count($branch)] ? $Count($branch) : 0} }
    method is_open {branch} { info exists Open($branch) }
    method has {row} {
        if {[string index $row end] eq "."} { return [info exists Members($row)] }
        set parent [my parent $row]
        expr {[info exists Members($parent)] && [dict exists $Members($parent) $row]}
    }

    # The branch that a row is in; that of the top is "".
    method parent {row} {
        string range $row 0 [string last . [string range $row 0 end-1]]
    }
    method depth {row} {
        regexp -all {\.} [string range $row 0 end-1]
    }
    # Without its branch.
    method label {row} {
        string range $row [string length [my parent $row]] end
    }

    # A key that is not there yet.
    method add {key} {
        set member $key
        # Written out, for this is done for each of very many keys.
        while 1 {
            set branch [string range $member 0 [string last . $member end-1]]
            if {[incr Count($branch)] == 1 && ![info exists Members($branch)]} { set Members($branch) {} }
            if {![dict exists $Members($branch) $member]} {
                dict set Members($branch) $member {}
                if {[info exists Sorted($branch)]} { my Insert $branch $member }
            }
            if {$branch eq {}} break
            set member $branch
        }
        incr Total
        unset -nocomplain All Rows
    }

    method remove {key} {
        set member $key
        set gone 1
        while 1 {
            set branch [my parent $member]
            incr Count($branch) -1
            if {$gone} {
                dict unset Members($branch) $member
                my Remove $branch $member
                set gone [expr {$branch ne {} && $Count($branch) == 0}]
                if {$gone} { unset -nocomplain Members($branch) Sorted($branch) Count($branch) }
            }
            if {$branch eq {}} break
            set member $branch
        }
        incr Total -1
        unset -nocomplain All
        my Stale
    }

    method Stale {} { unset -nocomplain Rows }


    # While many come, sorting once in the end is cheaper than keeping order.
    method Insert {branch member} {
        set order $Sorted($branch)
        set Sorted($branch) {}
        if {[llength $order] == $Many || [incr Fresh($branch)] > 500} {
            unset Sorted($branch)
            return
        }
        set place [lsearch -sorted [my Comparison [llength $order]] -bisect $order $member]
        set Sorted($branch) [linsert $order[set order {}] [expr {$place + 1}] $member]
    }

    method Remove {branch member} {
        if {![info exists Sorted($branch)]} return
        if {[llength $Sorted($branch)] == $Many + 1} {
            unset Sorted($branch)
            return
        }
        set place [lsearch -exact $Sorted($branch) $member]
        set Sorted($branch) [lreplace $Sorted($branch)[set Sorted($branch) {}] $place $place]
    }

    # Numbers in names count as numbers, unless there are too many names for that to be quick.
    method Comparison {count} { expr {$count > $Many ? "-ascii" : "-dictionary"} }

    method Order {branch} {
        set Fresh($branch) 0
        if {![info exists Sorted($branch)]} {
            set members [dict keys $Members($branch)]
            set Sorted($branch) [lsort [my Comparison [llength $members]] $members]
        }
        return $Sorted($branch)
    }

    method open {branch} { set Open($branch) {}; my Stale }
    method close {branch} { unset -nocomplain Open($branch); my Stale }

    # Opens all branches that a key is in.
    method reveal {key} {
        set branch [my parent $key]
        while {$branch ne {}} {
            my open $branch
            set branch [my parent $branch]
        }
    }

    # All rows that are to be shown, in order.
    method rows {} {
        if {![info exists Rows]} { set Rows [my Rows_of {}] }
        return $Rows
    }

    method Rows_of {branch} {
        set order [my Order $branch]
        set length [string length $branch]
        # The open branches among the members, which are few; what lies between them is taken as it is.
        set open {}
        foreach name [array names Open] {
            if {$name ne {} && [my parent $name] eq $branch && [info exists Members($name)]} {
                lappend open [list [lsearch -exact $order $name] $name]
            }
        }
        if {$open eq {}} { return $order }
        set rows {}
        set from 0
        foreach pair [lsort -integer -index 0 $open] {
            lassign $pair at name
            lappend rows {*}[lrange $order $from $at] {*}[my Rows_of $name]
            set from [expr {$at + 1}]
        }
        lappend rows {*}[lrange $order $from end]
    }

    # All keys, in order; sorted once, for filters.
    method all {} {
        if {![info exists All]} {
            set keys {}
            foreach branch [array names Members] {
                lappend keys {*}[lsearch -all -inline -not -glob [dict keys $Members($branch)] *.]
            }
            set All [lsort [my Comparison [llength $keys]] $keys]
        }
        return $All
    }
}
