# Runs the test files, each in a process of its own, several at a time:
#
#     tclsh tests/all.tcl ?-jobs n? ?-limit seconds? ?tcltest options?
#
# -file and -notfile (lists of patterns) choose files; everything else (-match, -skip, -verbose, ...) goes to each of them.
# Prints the output of files that failed (of all with -verbose), a line for each file, and what the machine lacks for
# tests that were skipped; last line: "N passed, N failed".
# Exit status 1 if anything failed. As failures count, too: a file that crashes, ends without a summary, takes longer than
# the limit (300 s), or runs no test at all (unless -match or -skip chose among them), and a test skipped for a reason
# that common.tcl doesn't excuse.

namespace eval ::all {
    variable Directory [file dirname [file normalize [info script]]]
    variable Nothing [expr {$::tcl_platform(platform) eq "windows" ? "NUL" : "/dev/null"}]
    # More than processors: tests wait for most of their time.
    variable Options {-jobs 6 -limit 300 -file *.test -notfile {}}
    # These begin, so that none of them is left alone at the end.
    variable Long {
        memory.test chaos.test core_outbound.test object_put.test kv_lock.test interop.test kv_recovery.test kv_election.test
        js_pull_consumer.test object_recovery.test kv_keys_filters.test exit.test kv_get_many.test kv_transaction_readers.test
    }
    variable Passed_on {}
    variable Queue {}
    # pid -> dict: name, channel, output, timer, started (ms)
    variable Running
    array set Running {}
    variable Totals {passed 0 failed 0 skipped 0}
    # reason -> how many tests were skipped for it
    variable Lacking {}
    # A line for each file that is wrong.
    variable Failures {}
    variable Finished 0
}

# What tests hand to other programs is Unicode, also where the locale knows ASCII only.
if {$::tcl_platform(platform) eq "unix" && [encoding system] ne "utf-8"} { set ::env(LC_ALL) C.UTF-8 }

proc ::all::Parse {arguments} {
    variable Options
    variable Passed_on
    foreach {name value} $arguments {
        if {[dict exists $Options $name]} {
            dict set Options $name $value
        } else {
            lappend Passed_on $name $value
        }
    }
}

proc ::all::Matches {patterns name} {
    foreach pattern $patterns {
        if {[string match $pattern $name]} { return 1 }
    }
    return 0
}

proc ::all::Choose_files {} {
    variable Directory
    variable Options
    variable Long
    set names {}
    foreach name [lsort -dictionary [glob -nocomplain -tails -directory $Directory *.test]] {
        if {[Matches [dict get $Options -file] $name] && ![Matches [dict get $Options -notfile] $name]} {
            lappend names $name
        }
    }
    set long [lmap name $Long { if {$name ni $names} continue; set name }]
    return [concat $long [lmap name $names { if {$name in $Long} continue; set name }]]
}

proc ::all::Start_next {} {
    variable Directory
    variable Nothing
    variable Options
    variable Passed_on
    variable Queue
    variable Running
    while {$Queue ne {} && [array size Running] < [dict get $Options -jobs]} {
        set Queue [lassign $Queue name]
        set command [list [info nameofexecutable] -encoding utf-8 [file join $Directory $name] {*}$Passed_on <$Nothing 2>@1]
        set channel [open |$command]
        fconfigure $channel -blocking 0 -translation binary
        set pid [lindex [pid $channel] 0]
        set timer [after [expr {1000 * [dict get $Options -limit]}] [list ::all::Expire $pid]]
        set Running($pid) [dict create name $name channel $channel output {} timer $timer started [clock milliseconds]]
        fileevent $channel readable [list ::all::Hear $pid]
    }
    if {[array size Running] == 0} { set ::all::Finished 1 }
}

proc ::all::Hear {pid} {
    variable Running
    set channel [dict get $Running($pid) channel]
    dict append Running($pid) output [read $channel]
    if {[eof $channel]} { End $pid {} }
}

# Kills a file that takes too long. What it started ends with it: the servers watch over its end.
proc ::all::Expire {pid} {
    variable Options
    if {$::tcl_platform(platform) eq "windows"} {
        catch {exec taskkill /F /T /PID $pid}
    } else {
        catch {exec /bin/sh -c "kill -KILL $pid"}
    }
    End $pid "took longer than [dict get $Options -limit] s"
}

# Closes a file's channel and gives the reason why the process ended badly, or nothing.
proc ::all::Close {channel} {
    fconfigure $channel -blocking 1
    if {![catch {close $channel} message details]} return
    set code [dict get $details -errorcode]
    switch -- [lindex $code 0] {
        CHILDSTATUS { return "exit status [lindex $code 2]" }
        CHILDKILLED { return "killed by [lindex $code 2]" }
    }
    return $message
}

# The numbers of a file's last line by common.tcl (passed, failed, skipped, unexcused, total), as a dict; empty without it.
proc ::all::Summary {output} {
    set last [lindex [regexp -all -inline -line {^== (passed \d+ failed \d+ skipped \d+ unexcused \d+ total \d+)$} $output] end]
    return $last
}

# Everything about a file that is wrong, as a list of sentences.
proc ::all::Judge {summary ended reason output} {
    variable Passed_on
    if {$reason ne {}} { return [list $reason] }
    if {$summary eq {}} { return [list "no summary ([expr {$ended eq {} ? {ended early} : $ended}])"] }
    set wrong {}
    set failed [dict get $summary failed]
    if {$failed > 0} { lappend wrong "$failed failed" }
    if {$failed == 0 && $ended ne {}} { lappend wrong $ended }
    set ran [expr {[dict get $summary passed] + $failed}]
    set chosen [expr {[dict exists $Passed_on -match] || [dict exists $Passed_on -skip]}]
    if {$ran == 0 && !$chosen && [Lacks $output] eq {}} { lappend wrong "no tests ran" }
    return $wrong
}

# What the machine lacks for the tests of a file: {count reason ...}
proc ::all::Lacks {output} {
    set found {}
    foreach {- count reason} [regexp -all -inline -line {^== skip (\d+) (.*)$} $output] { lappend found $count $reason }
    return $found
}

# A file has ended, by itself or for a given reason.
proc ::all::End {pid reason} {
    variable Running
    variable Totals
    set file $Running($pid)
    unset Running($pid)
    after cancel [dict get $file timer]
    set output [string map {\r\n \n} [encoding convertfrom utf-8 [dict get $file output]]]
    set ended [Close [dict get $file channel]]
    set summary [Summary $output]
    set wrong [Judge $summary $ended $reason $output]
    if {$summary eq {}} { set summary {passed 0 failed 0 skipped 0 unexcused 0 total 0} }
    # A file that is wrong as a whole is one failure more than its tests'.
    if {$wrong ne {} && ([dict get $summary failed] == 0 || $reason ne {})} { dict incr summary failed }
    foreach count {passed failed skipped} { dict incr Totals $count [dict get $summary $count] }
    variable Lacking
    foreach {count lack} [Lacks $output] { dict incr Lacking $lack $count }
    Report $file $summary $wrong $output
    Start_next
}

proc ::all::Report {file summary wrong output} {
    variable Passed_on
    set seconds [expr {([clock milliseconds] - [dict get $file started]) / 1000.0}]
    if {$wrong ne {} || [dict exists $Passed_on -verbose]} {
        puts "---- [dict get $file name]"
        puts [string trimright $output]
        puts "----"
    }
    set line [format "%s  %5.1f s" [Tcltest_summary [dict get $file name] $summary] $seconds]
    if {$wrong ne {}} {
        append line "  FAILED: [join $wrong {; }]"
        variable Failures
        lappend Failures "FAILED: [dict get $file name]: [join [concat $wrong [Failed_tests $output]] {; }]"
    }
    puts $line
    Report_skips $output
    flush stdout
}

# The names of the tests of a file that failed.
proc ::all::Failed_tests {output} {
    return [lmap {- name} [regexp -all -inline -line {^==== (\S+) FAILED$} $output] { set name }]
}

# A summary as tcltest prints it.
proc ::all::Tcltest_summary {name counts} {
    dict with counts {
        return [format "%-24s\tTotal\t%d\tPassed\t%d\tSkipped\t%d\tFailed\t%d" $name: \
            [expr {$passed + $failed + $skipped}] $passed $skipped $failed]
    }
}

# Skipped tests are easily overlooked: tcltest's list of reasons, marked. (Those that -match left out aren't in it.)
proc ::all::Report_skips {output} {
    foreach {- count constraint} [regexp -all -inline -line {^\t(\d+)\t(\S+)$} $output] {
        puts "    SKIPPED: $count ($constraint)"
    }
}

proc ::all::Main {arguments} {
    variable Queue
    variable Totals
    Parse $arguments
    set Queue [Choose_files]
    if {$Queue eq {}} {
        puts "no test file matches"
        dict incr Totals failed
    } else {
        Start_next
        vwait ::all::Finished
    }
    variable Lacking
    variable Failures
    dict for {reason count} $Lacking { puts "SKIPPED: $count tests: $reason" }
    if {$Failures ne {}} { puts [join $Failures \n] }
    puts [Tcltest_summary "Tcl [info patchlevel]" $Totals]
    puts "[dict get $Totals passed] passed, [dict get $Totals failed] failed"
    exit [expr {[dict get $Totals failed] > 0}]
}

::all::Main $::argv
