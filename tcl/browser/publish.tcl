# Publishing one message to a stream.

proc ::nats::browser::Ask_publish {window session subject done} {
    set path $window.publish
    set body [Dialog $path "Publish a message"]
    ttk::label $body.l1 -text Subject
    ttk::entry $body.subject -width 50
    $body.subject insert 0 $subject
    ttk::label $body.l2 -text Headers
    Text_pane $body.headers -width 50 -height 3
    ttk::label $body.l3 -text Payload
    Text_pane $body.data -width 50 -height 9
    ttk::label $body.hint -style NatsMuted.TLabel -text "Headers: a line each, as \u201cName: value\u201d."
    set row 0
    foreach {label widget} {l1 subject l2 headers l3 data} {
        grid $body.$label -row $row -column 0 -sticky nw -padx [list 0 [Gap 2]] -pady [list 0 [Gap 2]]
        grid $body.$widget -row $row -column 1 -sticky nsew -pady [list 0 [Gap 2]]
        incr row
    }
    grid $body.hint -row $row -column 1 -sticky w
    grid columnconfigure $body 1 -weight 1
    grid rowconfigure $body 2 -weight 1
    set command [list ::nats::browser::Publish $path $session $done]
    Dialog_button $path publish Publish [list ::nats::browser::Go $session $session $command] Accent.TButton
    Dialog_button $path cancel Cancel [list destroy $path]
    Dialog_show $path $body.subject
}

# In a coroutine. The dialog stays if it fails.
proc ::nats::browser::Publish {path session done} {
    set body $path.body
    set headers {}
    foreach line [split [$body.headers.text get 1.0 end-1c] \n] {
        if {[string trim $line] eq {}} continue
        if {![regexp {^([^:\s]+):\s*(.*)$} $line -> name value]} {
            return -code error -errorcode {NATS ErrInvalidArg} "\"$line\" is no header: \u201cName: value\u201d"
        }
        dict lappend headers $name $value
    }
    set data [$session to_value [To_bytes [$body.data.text get 1.0 end-1c]]]
    set ack [[$session js] publish [string trim [$body.subject get]] $data {*}[expr {$headers eq {} ? "" : [list -header $headers]}]]
    destroy $path
    $session note "Stored in [dict get $ack stream] as sequence [dict get $ack seq]"
    {*}$done
}
