# The keys of a bucket as a live table. A watch without values tells what there is and what changes; values are read for
# the rows that are seen.

oo::class create ::nats::browser::Keys {
    superclass ::nats::browser::Part
    variable Path Session Kv Bucket Limits Callbacks Watcher Loaded Entries Tree Rows List Members_changed Selected \
        Filter_text Flat Show_deleted Values Flashes Leaving Expiring Cost Refreshing

    # callbacks: a dict of command prefixes: selected key; changed (of the selected key); activated key; menu key x y;
    # counted text.
    constructor {path session kv bucket limits callbacks} {
        next $session
        set Path $path
        set Session $session
        set Kv $kv
        set Bucket $bucket
        set Limits $limits
        set Callbacks $callbacks
        lassign {{} {} {} {} 0 0 0} Watcher Selected Filter_text List Flat Show_deleted Cost
        set Tree [KeyTree new]
        my Forget_all
        ttk::frame $path
        set Rows [Rows new $path.rows {
            {key Key 30 w} {value Value 40 w} {revision Revision 10 e} {age Age 12 e} {ttl "TTL left" 12 e} {operation Operation 11 w}
        } [dict create row [list [self] row] selected [list [self] chosen] activated [list [self] activated] \
            toggled [list [self] toggled] menu [list [self] menu]]]
        pack $path.rows -fill both -expand 1
        my go watch
        my later 1000 tick
    }

    destructor {
        if {$Watcher ne {} && [info object isa object $Watcher]} { $Watcher destroy }
        $Rows destroy
        $Tree destroy
        next
    }

    method rows {} { return $Rows }
    method widget {} { $Rows widget }
    method selected {} { return $Selected }
    method loaded {} { return $Loaded }
    method total {} { $Tree total }
    # The rows that the filter and the open branches leave, in order; branches end with a dot.
    method shown {} { return $List }
    # {revision created operation ttl}, nothing for an unknown key.
    method entry {key} { expr {[info exists Entries($key)] ? $Entries($key) : {}} }

    method Forget_all {} {
        array unset Entries
        array set Entries {}
        $Tree clear
        lassign {0 1 {} {} {} {} 0} Loaded Members_changed Values Flashes Leaving Expiring Refreshing
    }

    # ---- the watch

    # Begins to watch, or begins anew.
    method watch {} {
        my never watch
        if {$Watcher ne {} && [info object isa object $Watcher]} { $Watcher destroy }
        set Watcher {}
        my Forget_all
        set Watcher [$Kv watch > -meta_only true -idle_heartbeat 2000 -callback [list [self] on_entry] \
            -state_callback [list [self] on_state]]
        my later 30 refresh
    }

    method on_state {state info} {
        # The bucket may come back; until then its place in the tree is gone, too.
        if {$state eq "stopped" && [$Session status] eq "connected"} { my later 2000 watch }
    }

    # Whether the watch has ended, as by a `disconnect` of the application.
    method stopped {} {
        expr {$Watcher eq {} || ![info object isa object $Watcher] || [dict get [$Watcher status] state] eq "stopped"}
    }

    method on_entry {entry} {
        if {$entry eq {}} {
            set Loaded 1
            my later 1 refresh
            return
        }
        set key [dict get $entry key]
        set operation [dict get $entry operation]
        set ttl [expr {[dict exists $entry ttl] ? [dict get $entry ttl] : {}}]
        set known [expr {[info exists Entries($key)] && [my Is_member $key]}]
        set Entries($key) [list [dict get $entry revision] [dict get $entry created] $operation $ttl]
        if {$operation eq "PUT" || $Show_deleted} {
            if {!$known} {
                $Tree add $key
                set Members_changed 1
            }
            if {$known} { dict unset Leaving $key }
        } elseif {$known} {
            # Shown as deleted for a moment.
            dict set Leaving $key [clock milliseconds]
        }
        if {$operation eq "PUT" && ($ttl ne {} || [dict get $Limits ttl] > 0)} {
            dict set Expiring $key {}
        } elseif {$known} {
            dict unset Expiring $key
        }
        if {$Loaded} {
            my Flash $key [expr {$operation ne "PUT" ? "gone" : $known ? "changed" : "new"}]
            if {$key eq $Selected} { {*}[dict get $Callbacks changed] $key }
        }
        if {!$Refreshing} {
            set Refreshing 1
            my later [expr {max(60, min(2000, 10 * $Cost))}] refresh
        }
    }

    method Is_member {key} { $Tree has $key }

    # ---- what changed lights up: strongly at first, then weakly; so do the branches that it is in.
    method Flash {key kind} {
        set now [clock milliseconds]
        dict set Flashes $key [list $now $kind]
        while {[set key [$Tree parent $key]] ne {}} { dict set Flashes $key [list $now changed] }
        my later 150 fade
    }

    method Flash_tag {row} {
        if {![dict exists $Flashes $row]} { return {} }
        lassign [dict get $Flashes $row] since kind
        string cat $kind [expr {[clock milliseconds] - $since < 800 ? 1 : 2}]
    }

    method fade {} {
        set now [clock milliseconds]
        dict for {row flash} $Flashes {
            if {$now - [lindex $flash 0] > 1800} { dict unset Flashes $row }
        }
        foreach key [dict keys $Leaving] {
            if {$now - [dict get $Leaving $key] <= 1800} continue
            dict unset Leaving $key
            my Drop $key
        }
        $Rows draw
        if {[dict size $Flashes] || [dict size $Leaving]} { my later 200 fade }
    }

    method Drop {key} {
        if {![my Is_member $key]} return
        $Tree remove $key
        set Members_changed 1
        my later 60 refresh
    }

    # ---- which rows there are

    method filter {text} {
        set Filter_text [string trim $text]
        set Members_changed 1
        my never refresh
        my refresh
        $Rows scroll_to 0
    }

    method flat {bool} {
        set Flat $bool
        my filter $Filter_text
    }

    method show_deleted {bool} {
        set Show_deleted $bool
        foreach key [array names Entries] {
            if {[lindex $Entries($key) 2] eq "PUT"} continue
            set member [my Is_member $key]
            if {$bool && !$member} { $Tree add $key }
            if {!$bool && $member} { $Tree remove $key }
        }
        set Leaving {}
        my filter $Filter_text
    }

    method refresh {} {
        set started [clock milliseconds]
        set Refreshing 0
        if {$Members_changed} {
            set Members_changed 0
            set List [expr {$Filter_text ne {} || $Flat ? [my Matching] : [$Tree rows]}]
        }
        set index [expr {$Selected eq {} ? -1 : [lsearch -exact $List $Selected]}]
        $Rows set_rows [llength $List] $index
        set Cost [expr {[clock milliseconds] - $started}]
        my Tell_count
    }

    # Keys that match the filter: a NATS pattern if it has wildcards, otherwise a part of the name in any case.
    method Matching {} {
        set keys [$Tree all]
        if {$Filter_text eq {}} { return $keys }
        if {![regexp {[*>]} $Filter_text]} {
            return [lsearch -all -inline -nocase -glob $keys *[my Quote_glob $Filter_text]*]
        }
        # The quick test first.
        set keys [lsearch -all -inline -glob $keys [string map {> *} [my Quote_glob $Filter_text]]]
        set tokens [lmap token [split $Filter_text .] {
            string map {* {[^.]*} > .+} [regsub -all {[][\\{}()^$|+?]} $token {\\&}]
        }]
        lsearch -all -inline -regexp $keys ^(?:[join $tokens {\.}])$
    }

    method Quote_glob {text} { string map {\\ \\\\ \[ \\\[ \] \\\] ? \\?} $text }

    method Tell_count {} {
        set total [$Tree total]
        set text "[Number $total] key[expr {$total == 1 ? "" : "s"}]"
        if {$Filter_text ne {}} { set text "[Number [llength $List]] of $text" }
        if {!$Loaded} { append text ", loading\u2026" }
        {*}[dict get $Callbacks counted] $text
    }

    # ---- a row, as Rows wants it

    method row {index} {
        set name [lindex $List $index]
        set flat [expr {$Filter_text ne {} || $Flat}]
        set indent [expr {$flat ? "" : [string repeat "    " [$Tree depth $name]]}]
        if {[string index $name end] eq "."} {
            set lead "$indent[expr {[$Tree is_open $name] ? "\u25be" : "\u25b8"}]"
            set count [$Tree count $name]
            return [dict create text "$lead [string range [$Tree label $name] 0 end-1]" lead $lead tags [my Flash_tag $name] \
                values [list "[Number $count] key[expr {$count == 1 ? "" : "s"}]"]]
        }
        if {![info exists Entries($name)]} { return [dict create text $indent$name values {}] }
        lassign $Entries($name) revision created operation ttl
        set tags [my Flash_tag $name]
        if {$operation ne "PUT"} { lappend tags muted }
        set label [expr {$flat ? $name : "$indent   [$Tree label $name]"}]
        dict create text $label tags $tags values [list [my Value $name $revision $operation] $revision \
            [Age $created] [my Remaining $name] $operation]
    }

    method Remaining {key} {
        set end [my Expires $key]
        if {$end eq {}} { return {} }
        set left [expr {$end - [clock milliseconds]}]
        expr {$left < 0 ? "expired" : [Span $left]}
    }

    # When a key goes, in ms since the epoch; nothing if it stays.
    method Expires {key} {
        lassign $Entries($key) revision created operation ttl
        if {$operation ne "PUT" || $ttl eq "never"} { return {} }
        set limits [lmap limit [list $ttl [dict get $Limits ttl]] {
            if {![string is entier -strict $limit] || $limit <= 0} continue
            set limit
        }]
        if {$limits eq {}} { return {} }
        expr {$created + [lindex [lsort -integer $limits] 0]}
    }

    # ---- values, of rows that are seen

    method Value {key revision operation} {
        if {$operation ne "PUT"} { return {} }
        if {[dict exists $Values $key]} {
            lassign [dict get $Values $key] at preview
            if {$at < $revision} { my later 30 fetch }
            return $preview
        }
        my later 30 fetch
        return \u2026
    }

    method fetch {} {
        lassign [$Rows seen] first last
        set wanted {}
        set odd {}
        foreach name [lrange $List $first $last] {
            if {![info exists Entries($name)]} continue
            lassign $Entries($name) revision - operation
            if {$operation ne "PUT" || ([dict exists $Values $name] && [lindex [dict get $Values $name] 0] >= $revision)} continue
            if {[regexp {^[-/_=.A-Za-z0-9]+$} $name]} { lappend wanted $name } else { lappend odd $name }
        }
        if {[dict size $Values] > 5000} { set Values {} }
        set found [my Read $wanted]
        dict for {key entry} $found {
            dict set Values $key [list [dict get $entry revision] [Preview [$Session to_bytes [dict get $entry value]]]]
        }
        # Keys that other clients have stored and the rule for keys refuses.
        foreach key $odd {
            dict set Values $key [list [lindex $Entries($key) 0] "(not readable under this name)"]
        }
        if {$found ne {} || $odd ne {}} { $Rows draw }
    }

    # Entries of a few keys. Servers before 2.11 would look through all keys for each of these at once, so they are asked for
    # one after the other.
    method Read {keys} {
        if {$keys eq {}} { return {} }
        set info [$Session server_info]
        if {$info ne {} && [package vsatisfies [regsub -- {-.*} [dict get $info version] {}] 2.11-]} {
            return [$Kv get_many $keys -consistent false]
        }
        set found {}
        foreach key $keys {
            try {
                dict set found $key [$Kv get $key]
            } trap {NATS ErrKeyNotFound} {} {}
        }
        return $found
    }

    # ---- time goes by

    method tick {} {
        my later 1000 tick
        $Rows draw
        my Sweep
    }

    # Keys may expire without a word: those whose time is over are looked up.
    method Sweep {} {
        set now [clock milliseconds]
        set overdue {}
        foreach key [dict keys $Expiring] {
            if {![info exists Entries($key)]} continue
            set end [my Expires $key]
            if {$end ne {} && $end + 2000 < $now} { lappend overdue $key }
            if {[llength $overdue] >= 50} break
        }
        if {$overdue eq {}} return
        set found [my Read $overdue]
        foreach key $overdue {
            if {[dict exists $found $key]} continue
            dict unset Expiring $key
            my Drop $key
            unset -nocomplain Entries($key)
            if {$key eq $Selected} { {*}[dict get $Callbacks changed] $key }
        }
    }

    # ---- what the user does

    method chosen {index} {
        set Selected [lindex $List $index]
        {*}[dict get $Callbacks selected] [expr {[string index $Selected end] eq "." ? "" : $Selected}]
    }

    method activated {index} {
        set name [lindex $List $index]
        if {[string index $name end] eq "."} { my toggled $index toggle } else { {*}[dict get $Callbacks activated] $name }
    }

    method toggled {index how} {
        set name [lindex $List $index]
        set branch [expr {[string index $name end] eq "."}]
        if {$Filter_text ne {} || $Flat} return
        if {$how eq "close" && (!$branch || ![$Tree is_open $name])} {
            set parent [$Tree parent $name]
            if {$parent ne {}} { $Rows choose [lsearch -exact $List $parent] }
            return
        }
        if {!$branch} return
        if {$how eq "open" && [$Tree is_open $name]} return
        $Tree [expr {[$Tree is_open $name] ? "close" : "open"}] $name
        set Members_changed 1
        my never refresh
        my refresh
    }

    method menu {index x y} {
        set name [lindex $List $index]
        if {[string index $name end] ne "."} { {*}[dict get $Callbacks menu] $name $x $y }
    }

    # Selects a key by program, and opens the branches that it is in.
    method select {key} {
        set Selected $key
        $Tree reveal $key
        set Members_changed 1
        my never refresh
        my refresh
        set index [lsearch -exact $List $key]
        if {$index >= 0} { $Rows see $index }
        {*}[dict get $Callbacks selected] $key
    }
}
