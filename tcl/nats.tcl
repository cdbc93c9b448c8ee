# The script part of package nats, embedded in its library: what is only script.

namespace eval ::nats {
    namespace export connection msg header timestamp isotime_to_msec msec_to_isotime metadata \
        make_stream_source make_subject_transform make_republish make_kv_origin
    variable status_closed closed
    variable status_connecting connecting
    variable status_connected connected
    variable status_reconnecting reconnecting
    variable status_draining draining
}

# The coroutines in which requests to services are handled.
namespace eval ::nats::requests {}

# Its commands are the library's.
namespace eval ::nats::json {
    namespace export decode quote list object
    namespace ensemble create
}

# Returns the defaults overlaid with an option list. Dashes before names are optional.
proc ::nats::_options {words defaults} {
    if {[llength $words] % 2} {
        throw {NATS ErrInvalidArg} "Missing value for option [lindex $words end]"
    }
    set options $defaults
    foreach {word value} $words {
        set name [string trimleft $word -]
        if {![dict exists $defaults $name]} {
            throw {NATS ErrInvalidArg} "Unknown option $name"
        }
        dict set options $name $value
    }
    return $options
}

# The current local time with milliseconds.
proc ::nats::timestamp {} {
    return [msec_to_isotime [clock milliseconds] :localtime]
}

# Milliseconds since the epoch as YYYY-MM-DDThh:mm:ss.mmm in a time zone of `clock format`.
proc ::nats::msec_to_isotime {msec {tz :UTC}} {
    if {![string is entier -strict $msec]} {
        throw {NATS ErrInvalidArg} "Invalid time $msec"
    }
    # Floor division and remainder of Tcl make times before 1970 right too.
    set seconds [expr {$msec / 1000}]
    return [clock format $seconds -timezone $tz -format %Y-%m-%dT%H:%M:%S][format .%03d [expr {$msec % 1000}]]
}

# An ISO 8601 time as milliseconds since the epoch, rounded to the nearest. Zone Z, +hh:mm, +hhmm or
# none, which means UTC.
proc ::nats::isotime_to_msec {iso} {
    # Tcl 8.6 would read a 13th month as January.
    set date {\d{4,}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])}
    set time {(?:[01]\d|2[0-4]):[0-5]\d:[0-6]\d}
    set pattern "^($date\[T ]$time)(?:\\.(\\d+))?(Z|\[+-]\\d\\d:?\\d\\d)?\$"
    if {![regexp $pattern $iso -> time fraction zone]} {
        throw {NATS ErrInvalidArg} "Invalid time $iso"
    }
    if {[catch {clock scan [string map {T { }} $time] -timezone :UTC -format {%Y-%m-%d %H:%M:%S}} seconds]} {
        throw {NATS ErrInvalidArg} "Invalid time $iso"
    }
    if {[scan $zone {%1[+-]%2d%*1[:]%2d} sign hours minutes] == 3
            || [scan $zone {%1[+-]%2d%2d} sign hours minutes] == 3} {
        incr seconds [expr {($sign eq "-" ? 1 : -1) * (60 * $hours + $minutes) * 60}]
    }
    scan [string range ${fraction}0000 0 3] %d tenths
    return [expr {$seconds * 1000 + ($tenths + 5) / 10}]
}

# Inside a method: a command prefix that calls the object's own method, exported or not, with these arguments and those
# appended later. It does nothing once the object is gone.
proc ::nats::mymethod {method args} {
    return [list ::nats::_call_my [uplevel 1 {namespace which my}] $method {*}$args]
}

proc ::nats::_call_my {my method args} {
    if {[namespace which $my] ne {}} {
        tailcall $my $method {*}$args
    }
}

# How a class, a method or a command is used. Without arguments, what there is.
proc ::nats::help {{class {}} {method {}}} {
    _help_loaded
    return [_help::help $class $method]
}

# What `help` does is loaded when it is wanted.
proc ::nats::_help_loaded {} {
    if {[info commands ::nats::_help::help] eq {}} { namespace eval :: [_help_script] }
}

# Does nothing: the verification callback that TLS options of scripts may name.
proc ::nats::tls_callback {args} {}

# Writes a line of the built-in log.
proc ::nats::_log {channel name level text} {
    puts $channel [_printable $channel "\[[timestamp] $name $level\] $text"]
}

# A text with ? for each character that the encoding of a channel does not have. Tcl 9 would write the line up to there,
# and not its end; into a binary channel, Tcl 8.6 would write whatever the low byte says.
proc ::nats::_printable {channel text} {
    if {[string is ascii $text]} { return $text }
    set encoding [string map {binary iso8859-1} [fconfigure $channel -encoding]]
    if {[_has $encoding $text]} { return $text }
    set printable {}
    foreach character [split $text {}] {
        append printable [expr {[_has $encoding $character] ? $character : "?"}]
    }
    return $printable
}

# Whether an encoding has all characters of a text.
proc ::nats::_has {encoding text} {
    expr {![catch {encoding convertfrom $encoding [encoding convertto $encoding $text]} back] && $back eq $text}
}
