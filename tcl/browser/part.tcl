# What all parts of a window have in common: calls to the server that run in coroutines, timers that end with the part,
# and errors that go to the status line, never to the background.

oo::class create ::nats::browser::Part {
    variable Part_session Part_timers

    constructor {session} {
        # The package's own functions are known by their names.
        namespace path [list ::nats::browser {*}[namespace path]]
        set Part_session $session
        set Part_timers {}
    }

    destructor {
        dict for {name id} $Part_timers { after cancel $id }
    }

    method session {} { return $Part_session }

    # Runs a method of this object in a coroutine, up to its first wait at once.
    method go {method args} {
        Go [self] $Part_session [list [self namespace]::my $method {*}$args]
    }

    # Runs a method after a time, in a coroutine. Of several calls for the same method only the first one counts until it
    # has run.
    method later {ms method args} {
        if {[dict exists $Part_timers $method]} return
        dict set Part_timers $method [after $ms [list [self namespace]::my Timer $method {*}$args]]
    }

    method never {method} {
        if {![dict exists $Part_timers $method]} return
        after cancel [dict get $Part_timers $method]
        dict unset Part_timers $method
    }

    method Timer {method args} {
        dict unset Part_timers $method
        my go $method {*}$args
    }

    # The command that does `go` from a widget or a callback.
    method on {method args} {
        list [self] go $method {*}$args
    }
}

# In a coroutine: an error counts only while the object that it happened to is still there.
proc ::nats::browser::Go {object session command} {
    variable Coroutines
    coroutine ::nats::browser::Run[incr Coroutines] ::nats::browser::Guarded $object $session $command
}

proc ::nats::browser::Guarded {object session command} {
    if {[catch $command message options] && [info object isa object $object] && [info object isa object $session]} {
        $session failed $message $options
    }
    return
}
