# What every test file starts from:
#
#     source -encoding utf-8 [file join [file dirname [info script]] common.tcl]
#     set server [t::server]
#     tcltest::test kv_get-1.1 {...} -body {...} -result {...}
#     t::done
#
# It requires tcltest, nats and nats::server, and collects background errors. A file that does without the package nats
# sets ::t::plain to 1 before. Run through tests/all.tcl, or one file by hand: tclsh tests/kv_get.test ?tcltest options?
#
# Helpers in ::t:
#     server ?option value ...?     starts a server (options as of nats::server start); ended by `done` if not before
#     connect url ?option value ...?  a connected nats::connection; the options are those of its `configure`
#     wait_until condition ?ms?     runs the event loop until an expression of the caller's is true; error after 20000 ms.
#                                   The environment variable NATS_TEST_PATIENCE multiplies that, for emulated machines
#     pause ms                      runs the event loop for a time
#     background_errors             the background errors so far, each {message options}, and forgets them
#     only name condition ?reason?  a tcltest constraint for tests made for some versions only: a skip is no failure; the
#                                   summary tells the reason
#     needs_thread, needs_tk        the constraints `thread` and `tk`: what cannot be had on every machine. The latter provides
#                                   a display and loads Tk; with -load false it does neither, for tests that start a wish
#     needs_proc                    the constraint `proc`: the system tells by /proc what a process has
#     resident                      kilobytes of memory that this process has
#     held                          how many files and threads it has open
#     established port              how many sockets of this system are connected to a port
#     directory                     makes a temporary directory, which the test removes
#     nothing                       the file that is empty, and forgets what is written
#     null                          a channel that forgets what is written
#     kill process ?signal?         ends a process, or sends it a signal (by name)
#     display                       an X display for Tk (sets DISPLAY, unless it is set), by Xvfb; ended with the process
#     leaks                         what the package still holds (placeholder: nothing yet)
#     done                          the end of the file: destroys, stops, prints the summary, exits (1: some test failed)

# The tree's own build serves a file that is run by hand.
namespace eval ::t {
    variable root [file dirname [file dirname [file normalize [info script]]]]
    if {![info exists plain]} { variable plain 0 }
    lappend ::auto_path [file join $root build]
}
if {![info exists ::env(NATS_SERVER)] && [auto_execok nats-server] eq {}} {
    foreach ::t::binary [lsort -dictionary [glob -nocomplain [file join $::t::root build nats-server-* \
        [expr {$::tcl_platform(platform) eq "windows" ? "nats-server.exe" : "nats-server"}]]]] {
        set ::env(NATS_SERVER) $::t::binary
    }
}

package require tcltest 2.5
if {$::t::plain} {
    # Needs no build, either.
    source -encoding utf-8 [file join $::t::root tcl server.tcl]
} else {
    package require nats
    package require nats::server
}
# Made as a file first, whose name nobody else has. Tcl 8.6 has no [file tempdir].
proc ::t::directory {} {
    close [file tempfile path nats-test]
    file delete $path
    file mkdir $path
    return $path
}
# A directory of its own for makeFile and the like: several files run at a time.
set ::t::tmpdir [::t::directory]
::tcltest::configure -tmpdir $::t::tmpdir {*}$::argv
::tcltest::testConstraint tcl8 [expr {[info tclversion] < 9}]
::tcltest::testConstraint tcl9 [expr {[info tclversion] >= 9}]
# What stops a process for a while or needs a shell is for Unix only, without a word in each of these tests.
if {$::tcl_platform(platform) eq "windows"} {
    rename ::tcltest::test ::tcltest::Test
    proc ::tcltest::test {name description args} {
        if {[llength $args] % 2 == 0 && [regexp {server (?:pause|resume|signal) |/bin/sh|mkfifo} $args]} {
            dict lappend args -constraints unix
        }
        uplevel 1 [list ::tcltest::Test $name $description {*}$args]
    }
}

namespace eval ::t {
    variable Background_errors {}
    variable Tick 0
    # Constraints whose tests may be skipped, in addition to the command line's -match and -skip.
    variable Excuses {tcl8 tcl9 unix userSpecifiedNonMatch userSpecifiedSkip userSpecifiedLimitConstraint}
    # Why the tests of a constraint are skipped, where that is not plain from its name.
    variable Reasons {unix "Windows has no signals, no shell and no links that everybody may make"}

    proc On_background_error {message options} {
        variable Background_errors
        lappend Background_errors [list $message $options]
    }
    interp bgerror {} ::t::On_background_error

    # Tcl tells of them in an idle event, which has its turn now.
    proc background_errors {} {
        variable Background_errors
        update idletasks
        set errors $Background_errors
        set Background_errors {}
        return $errors
    }

    proc only {name condition {reason {}}} {
        variable Excuses
        variable Reasons
        lappend Excuses $name
        if {$reason ne {}} { dict set Reasons $name $reason }
        ::tcltest::testConstraint $name [expr {!![uplevel 1 [list expr $condition]]}]
    }

    proc needs_thread {} {
        only thread {![catch {package require Thread}]} "no package Thread for Tcl [info tclversion]"
    }

    proc needs_tk {{option -load} {load true}} {
        set missing [Missing_for_tk $load]
        only tk {$missing eq {}} $missing
    }

    proc needs_proc {} {
        only proc {[file exists /proc/self/status]} "no /proc"
    }

    # The only place that reads /proc.
    proc Proc {name} {
        set channel [open [file join /proc $name]]
        try { return [read $channel] } finally { close $channel }
    }

    proc resident {} {
        regexp {VmRSS:\s*(\d+)} [Proc self/status] -> resident
        return $resident
    }

    proc held {} {
        expr {[llength [glob /proc/self/fd/*]] + [llength [glob /proc/self/task/*]]}
    }

    # Seen from the client's side.
    proc established {port} {
        regexp -all -line "^ *\\d+: \\S+ \\S+:[format %04X $port] 01 " [Proc net/tcp]
    }

    proc nothing {} {
        expr {$::tcl_platform(platform) eq "windows" ? "NUL" : "/dev/null"}
    }

    proc null {} {
        open [nothing] w
    }

    proc kill {process {signal KILL}} {
        if {$::tcl_platform(platform) ne "windows"} {
            exec /bin/sh -c "kill -$signal $process"
        } elseif {$signal eq "KILL"} {
            exec taskkill /F /PID $process
        } else {
            error "Windows has no signals"
        }
    }

    # What keeps this tclsh from running Tk; nothing if it can.
    proc Missing_for_tk {load} {
        if {![info exists ::env(DISPLAY)] && [auto_execok Xvfb] eq {}} { return "no display and no Xvfb" }
        # An error other than "can't find package" means that only the display is missing.
        set script {puts [expr {[catch {package require Tk} message] && [string match "can't find*" $message]}]; exit}
        if {[exec [info nameofexecutable] << $script 2>@1]} { return "no package Tk for Tcl [info tclversion]" }
        if {$load && [catch {display; package require Tk} message]} { return $message }
        return {}
    }

    proc server {args} {
        ::nats::server start {*}$args
    }

    proc connect {url args} {
        set connection [::nats::connection new]
        try {
            $connection configure -servers [list $url] {*}$args
            $connection connect
        } on error {message options} {
            $connection destroy
            return -options $options $message
        }
        return $connection
    }

    # The condition is tried again every 5 ms, for no event tells that it may have changed.
    proc wait_until {condition {limit 20000}} {
        if {[info exists ::env(NATS_TEST_PATIENCE)]} { set limit [expr {$limit * $::env(NATS_TEST_PATIENCE)}] }
        set deadline [expr {[clock milliseconds] + $limit}]
        while {![uplevel 1 [list expr $condition]]} {
            if {[clock milliseconds] > $deadline} {
                return -code error -errorcode {T TIMEOUT} "not within $limit ms: [string trim $condition]"
            }
            pause 5
        }
        return
    }

    # A variable of its own for each call, as these may nest (a callback that waits).
    proc pause {ms} {
        variable Tick
        set flag ::t::Paused[incr Tick]
        after $ms [list set $flag 1]
        vwait $flag
        unset $flag
        return
    }

    # Like the servers' watchdog: the shell ends Xvfb when its pipe closes, however this process ends.
    proc display {} {
        variable Display
        if {[info exists ::env(DISPLAY)]} { return $::env(DISPLAY) }
        set script {
            exec 3<&0
            Xvfb -displayfd 1 -nolisten tcp 3<&- 2>/dev/null &
            # Only Xvfb has the pipe to Tcl now, whose end says that it could not start.
            exec >/dev/null
            read -r word <&3
            kill $!
        }
        set Display [open |[list /bin/sh -c $script] r+]
        # Ends at once if there is no Xvfb.
        if {[gets $Display number] <= 0} { error "Xvfb does not start" }
        set ::env(DISPLAY) :$number
    }

    proc leaks {} {
        return {}
    }

    # Everything of the package's that a test left behind; a failure to destroy is reported like a background error.
    proc Destroy_all {} {
        if {[info object isa class ::nats::connection]} {
            foreach connection [info class instances ::nats::connection] {
                if {[catch {$connection destroy} message options]} { On_background_error $message $options }
            }
        }
        foreach handle [::nats::server handles] { ::nats::server stop $handle }
    }

    # How many tests were skipped for a reason that nothing excuses.
    proc Skipped_without_excuse {} {
        variable Excuses
        set count 0
        foreach {constraint tests} [array get ::tcltest::skippedBecause] {
            if {$constraint ni $Excuses} { incr count $tests }
        }
        return $count
    }

    proc done {} {
        Destroy_all
        # Callbacks of what was destroyed have their chance to fail, too.
        update
        set errors [background_errors]
        foreach error $errors {
            lassign $error message options
            puts "==== background error: $message"
            if {[dict exists $options -errorinfo]} { puts [dict get $options -errorinfo] }
        }
        array set n [array get ::tcltest::numTests]
        set unexcused [Skipped_without_excuse]
        set failed [expr {$n(Failed) + [llength $errors] + $unexcused}]
        # Without this, tcltest exits by itself where Tk is loaded.
        ::tcltest::testConstraint interactive 1
        # cleanupTests forgets the reasons.
        set skipped [array get ::tcltest::skippedBecause]
        ::tcltest::cleanupTests
        variable Reasons
        foreach {constraint count} $skipped {
            if {[dict exists $Reasons $constraint]} { puts "== skip $count [dict get $Reasons $constraint]" }
        }
        # For all.tcl, which adds these up.
        puts "== passed $n(Passed) failed $failed skipped $n(Skipped) unexcused $unexcused total $n(Total)"
        flush stdout
        file delete -force $::t::tmpdir
        exit [expr {$failed > 0}]
    }
}
