namespace Vireo.Switch.Pipeline;

/// <summary>A built-in stage that knows its port, and by it the switch: its place, who has which address.</summary>
internal interface IPortStage
{
    /// <summary>Called once, before the policy with this stage is in force.</summary>
    void Attach(PortState port);
}
