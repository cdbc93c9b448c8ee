# nats::browser - a window on a server: its buckets, object stores and streams, live
#
#     package require nats::browser
#     set window [nats::browser open $connection]                       ;# a toplevel; its path
#     nats::browser open $connection -parent .app -read_only true       ;# inside of an application, to look only
#
# Script only; needs Tk and the package nats, Tcl 8.6 or 9. doc/browser.md is the user's document.
#
# Nothing here waits in the event loop: whatever asks the server runs in a coroutine (part.tcl), and what fails is shown
# in the status line. A window makes a jet_stream object of its own; with it all buckets and watchers end when the window
# is closed. The caller's connection is only looked at.
#
# Functions:
#     open connection ?option value ...?   -> path of the new toplevel
#         -parent path      the window that it belongs to, and is destroyed with; default: none
#         -read_only bool   nothing can be changed; default false
#     windows                              -> paths of all windows that are open
#     select path place ?key?              shows a place, as the tree on the left does: server, {kv bucket}, {os bucket},
#                                          {stream name} or {consumer stream name}; of a bucket also one of its keys
#     use_theme                            for programs without a theme of their own: a plain and light one; again after a
#                                          change of `tk scaling`
#
# Errors (-errorcode):
#     NATS ErrInvalidArg    an option that is unknown or malformed; no such connection, parent or window

package require Tcl 8.6-
package require Tk
package require nats

namespace eval ::nats::browser {
    namespace export open windows select use_theme
    namespace ensemble create -command ::nats::browser

    # path -> object of class Window
    variable Windows
    array set Windows {}
    variable Count 0
    variable Directory [file dirname [file normalize [info script]]]
}

foreach ::nats::browser::File {
    format hex json diff style part session rows key_tree samples chart dialog status text_pane
    places keys entry history conflict bucket messages publish stream objects server window
} {
    source -encoding utf-8 [file join $::nats::browser::Directory $::nats::browser::File.tcl]
}

proc ::nats::browser::open {connection args} {
    variable Windows
    variable Count
    set options [Options $args]
    if {![info object isa object $connection] || ![info object isa typeof $connection ::nats::connection]} {
        Fail "\"$connection\" is not a nats::connection"
    }
    set parent [dict get $options -parent]
    if {$parent ni {{} .} && ![winfo exists $parent]} { Fail "Invalid value for -parent: no window \"$parent\"" }
    # The caller's own name for the object may be relative to its namespace.
    set connection [uplevel 1 [list namespace which -command $connection]]
    set prefix [expr {$parent in {{} .} ? "" : $parent}]
    set path $prefix.natsbrowser[incr Count]
    set Windows($path) [Window new $path $connection $parent [dict get $options -read_only]]
    return $path
}

proc ::nats::browser::windows {} {
    variable Windows
    lsort -dictionary [array names Windows]
}

proc ::nats::browser::select {path place {key {}}} {
    variable Windows
    if {![info exists Windows($path)]} { Fail "\"$path\" is no window of nats::browser" }
    $Windows($path) go_to $place $key
    return
}

proc ::nats::browser::Options {given} {
    set options {-parent {} -read_only 0}
    if {[llength $given] % 2} { Fail "Missing value of option \"[lindex $given end]\"" }
    foreach {name value} $given {
        set name -[string trimleft $name -]
        if {![dict exists $options $name]} { Fail "Unknown option \"$name\"" }
        dict set options $name $value
    }
    set flag [dict get $options -read_only]
    if {![string is boolean -strict $flag]} { Fail "Invalid value for -read_only: \"$flag\" is not a boolean" }
    return $options
}

proc ::nats::browser::Fail {message} {
    return -level 2 -code error -errorcode {NATS ErrInvalidArg} $message
}
