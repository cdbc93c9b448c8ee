# What the tests of nats::browser share, on top of kv_common.tcl. They drive the widgets by events, as a person does.
#
#     source -encoding utf-8 [file join [file dirname [info script]] browser_common.tcl]
#     namespace eval ::t::browser { namespace import ::tcltest::test ::kvt::* ::bt::*; lassign [kv_server] srv c js; ... }
#
# Helpers in ::bt:
#     window ?option value ...?     opens a window on $c, waits until it has asked the server; its object
#     show W place ?key?            goes to a place and waits until it is there; the view
#     until condition               t::wait_until with a limit for busy machines
#     strike widget key ?key ...?   keys pressed in a widget
#     enter widget text             a text typed into it, instead of what it has
#     click W key                   a click on the row of a key; `lead` of it with -lead
#     shown W                       the texts of the rows that are seen, without blanks
#     row W key                     the values of its row: value revision age ttl operation
#     complaints W                  what the status line was told of failures; traces of defects included
#     close_all                     closes all windows

source -encoding utf-8 [file join [file dirname [info script]] kv_common.tcl]
t::needs_tk
if {[tcltest::testConstraint tk]} {
    package require nats::browser
    wm withdraw .
    # Without a window manager, pointer and focus are where the tests put them.
    ::nats::browser use_theme
}

namespace eval ::bt {
    namespace export {[a-z]*}

    proc window {args} {
        upvar 1 c c
        if {![info exists c]} { upvar #1 c c }
        set path [nats::browser open $c {*}$args]
        set W $::nats::browser::Windows($path)
        until {[$W places] ne {} && [[$W places] polled]}
        return $W
    }

    proc path {W} {
        foreach path [nats::browser windows] {
            if {$::nats::browser::Windows($path) eq $W} { return $path }
        }
    }

    proc until {condition} {
        uplevel 1 [list ::t::wait_until $condition 60000]
    }

    proc show {W place {key {}}} {
        nats::browser select [path $W] $place $key
        # Of a very large bucket that takes its time on a busy machine.
        t::wait_until {[[$W view] ready]} 200000
        if {$key ne {}} { until {[[[$W view] entry] key] eq $key && [[[$W view] entry] revision] ne 0} }
        return [$W view]
    }

    # The widgets of a view of a bucket.
    proc keys_tab {W} { string cat [path $W] .split.right.view.tabs.keys }
    proc entry_tab {W} { string cat [keys_tab $W] .split.entry }

    # Keys go to the widget that has the focus, and the X server gives it in its time.
    proc take_focus {widget} {
        focus -force $widget
        until {[focus] eq $widget}
    }

    proc strike {widget args} {
        take_focus $widget
        foreach key $args {
            event generate $widget <$key>
            update
        }
    }

    proc enter {widget text} {
        take_focus $widget
        if {[winfo class $widget] eq "Text"} { $widget delete 1.0 end } else { $widget delete 0 end }
        foreach character [split $text {}] {
            set name [dict get [dict merge [dict create $character $character] {
                { } space . period , comma : colon > greater * asterisk / slash \" quotedbl - minus _ underscore
                \{ braceleft \} braceright \[ bracketleft \] bracketright = equal
            }] $character]
            foreach type {KeyPress KeyRelease} { event generate $widget <$type> -keysym $name }
        }
        update
    }

    proc click {W key {part -label}} {
        set keys [[$W view] keys]
        set rows [$keys rows]
        until {$key in [$keys shown]}
        set index [lsearch -exact [$keys shown] $key]
        $rows see $index
        $rows draw_now
        update
        set tree [$rows widget]
        lassign [$tree bbox s[expr {$index - [$rows top]}] #0] x y width height
        set x [expr {$part eq "-lead" ? $x + [::nats::browser::Gap 2] : $x + $width - 3}]
        event generate $tree <ButtonPress-1> -x $x -y [expr {$y + $height / 2}]
        event generate $tree <ButtonRelease-1> -x $x -y [expr {$y + $height / 2}]
        update
    }

    proc shown {W} {
        set rows [[[$W view] keys] rows]
        $rows draw_now
        set tree [$rows widget]
        lmap item [$tree children {}] { string trim [$tree item $item -text] }
    }

    proc row {W key} {
        set keys [[$W view] keys]
        set index [lsearch -exact [$keys shown] $key]
        if {$index < 0} { return {} }
        dict get [$keys row $index] values
    }

    proc complaints {W} {
        lmap error [[$W session] errors] {
            string cat [dict get $error message] [expr {[dict get $error trace] eq {} ? "" : "\n[dict get $error trace]"}]
        }
    }

    proc text {widget} { $widget get 1.0 end-1c }

    proc close_all {} {
        foreach path [nats::browser windows] { destroy $path }
        update
    }
}
