# The status line: how the connection stands, the server, its round trip, and what was told last.

oo::class create ::nats::browser::Status {
    superclass ::nats::browser::Part
    variable Path Session Variables Rtt

    constructor {path session} {
        next $session
        set Path $path
        set Session $session
        set Rtt {}
        ttk::frame $path -padding [list [Gap 2] [Gap]]
        foreach name {dot state server cluster rtt mode} { ttk::label $path.$name }
        foreach name {server cluster rtt mode} { $path.$name configure -style NatsMuted.TLabel }
        $path.dot configure -text \u25cf
        ttk::label $path.message -anchor e
        bind $path.message <ButtonPress-1> [list event generate [winfo toplevel $path] <<NatsBrowserErrors>>]
        pack $path.dot -side left
        foreach name {state server cluster rtt mode} { pack $path.$name -side left -padx [list [Gap] [Gap 3]] }
        pack $path.message -side right -fill x -expand 1
        my Follow
        my show
        my go measure
    }

    destructor {
        foreach variable $Variables { catch {trace remove variable $variable write [list [self] changed]} }
        next
    }

    # The connection's own variables tell of each change.
    method Follow {} {
        set namespace [info object namespace [$Session connection]]
        set Variables [list ${namespace}::status ${namespace}::last_error]
        foreach variable $Variables { trace add variable $variable write [list [self] changed] }
    }

    # A trace; what it shows is shown later, for an error here would be that of the connection.
    method changed {name args} {
        if {[string match *::last_error $name]} { my later 1 tell_error } else { my later 1 status_changed }
    }

    method status_changed {} {
        my show
        event generate [winfo toplevel $Path] <<NatsBrowserStatus>> -data [$Session status]
    }

    method tell_error {} {
        if {![$Session alive]} return
        set error [set [lindex $Variables 1]]
        if {$error ne {}} { $Session log [dict get $error errorMessage] [lindex [dict get $error code] 0] }
    }

    method show {} {
        set status [$Session status]
        set colors {connected good reconnecting warn connecting warn draining warn closed bad gone bad}
        $Path.dot configure -foreground [Color [dict get $colors $status]]
        $Path.state configure -text [expr {$status eq "gone" ? "connection destroyed" : $status}]
        set info [$Session server_info]
        if {$info ne {}} {
            set name [dict get $info server_name]
            # A server without a name has its key for one.
            set name [expr {$name eq [dict get $info server_id] ? "" : "$name \u00b7 "}]
            $Path.server configure -text "${name}nats-server [dict get $info version] \u00b7 [dict get $info host]:[dict get $info port]"
            $Path.cluster configure -text [expr {[dict exists $info cluster] ? "cluster [dict get $info cluster]" : ""}]
        }
        $Path.rtt configure -text [expr {$Rtt eq {} || $status ne "connected" ? "" : "RTT [format %.2g $Rtt] ms"}]
        $Path.mode configure -text [expr {[$Session read_only] ? "read-only" : ""}]
    }

    # Each 2 s: the round trip, and what the connection has transported.
    method measure {} {
        if {[$Session alive] && [$Session status] eq "connected" && ![catch {[$Session connection] rtt -timeout 5000} rtt]} {
            set Rtt $rtt
            [$Session samples] add connection [dict merge [[$Session connection] statistics] [list rtt $rtt]]
        }
        my show
        my later 2000 measure
    }

    method message {kind text} {
        $Path.message configure -text [string map [list \n { }] $text] \
            -style [expr {$kind eq "failed" ? "NatsBad.TLabel" : "NatsMuted.TLabel"}]
    }
}
