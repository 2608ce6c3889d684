//! The parts of the program: a first visit waits for no more of it than its page needs.
//!
//! Each part is a WebAssembly of its own, which `cargo xtask app` cuts out of the whole program: in it is what can only be reached
//! through its functions, and what two parts share is in a file that both load. So a part stays out of the first load as long as
//! nothing else calls what is in it directly. The service worker keeps all of them: what was visited once opens without a network.

use coinless_phone::Error;
use coinless_phone::api::ApiError;
use coinless_phone::io::NoAnswer;
use leptos::wasm_split::SplitLoaderError;
use std::cell::Cell;
use std::pin::Pin;

thread_local! {
    /// Which parts with screens are here.
    static HERE: Cell<[bool; Part::ALL.len()]> = const { Cell::new([false; Part::ALL.len()]) };
}

/// What is shown by a part of its own. The courier is one that shows no more than visits; what fetches an order comes with the
/// order's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The screen where it begins.
    Home,
    /// The screen of one meter: to it the labels lead.
    Meter,
    /// The screen of one order: to it leads the link that every payer has.
    Order,
    /// The other screens of orders, from the quote to the receipt, and the pictures of codes.
    Orders,
    /// What the screen of one meter has for whoever lives with it.
    Readings,
    /// What a visit at a meter came to, on the screens that have more than orders.
    Visit,
    /// All other screens.
    More,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Home, Self::Meter, Self::Order, Self::Orders, Self::Readings, Self::Visit, Self::More];

    /// Whether it is here.
    pub fn is_here(self) -> bool {
        HERE.get()[self as usize]
    }

    /// Notes that it is here.
    pub fn arrived(self) {
        let mut here = HERE.get();
        here[self as usize] = true;
        HERE.set(here);
    }
}

/// Work that is under way.
pub type Work<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

/// That a part could not be loaded: the station did not give it.
pub fn not_loaded(why: SplitLoaderError) -> Error {
    Error::Station(ApiError::NoAnswer(NoAnswer(why.to_string())))
}

/// Asynchronous functions whose bodies are in the part `courier`, which is loaded when one of them is first called. Each gives a
/// [`Result`] with [`Error`]; if the part cannot be loaded, [`ApiError::NoAnswer`] of the station.
macro_rules! courier {
    ($($(#[$about:meta])* $visible:vis async fn $name:ident($($given:ident: $kind:ty),* $(,)?) -> Result<$gives:ty, Error> $body:block)*) => { $(
        $(#[$about])*
        $visible async fn $name($($given: $kind),*) -> Result<$gives, Error> {
            #[leptos::wasm_split::wasm_split(courier, wasm_split_path = leptos::wasm_split, fallible)]
            fn $name($($given: $kind),*) -> Result<$crate::part::Work<$gives>, leptos::wasm_split::SplitLoaderError> {
                Ok(Box::pin(async move $body))
            }
            $name($($given),*).await.map_err($crate::part::not_loaded)?.await
        }
    )* };
}

pub(crate) use courier;
