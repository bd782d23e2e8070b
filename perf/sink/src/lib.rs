//! A receiver that speaks the push endpoint of Loki and checks what it is sent.
